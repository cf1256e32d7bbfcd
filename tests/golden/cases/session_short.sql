-- max_delay: 2s
-- Short sessions, with sessions that late readings join and others for which they come too late.
SELECT machine_id, window_start, window_end, window_time, count(*) AS n, min(timestamp) AS first, max(timestamp) AS last
FROM readings
GROUP BY machine_id, session(timestamp, INTERVAL '7 seconds')
