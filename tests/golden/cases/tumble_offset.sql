-- Shifted: minutes that begin at :20.
SELECT machine_id, window_start, window_end, window_time, count(*) AS n, avg(superheat) AS superheat
FROM readings
GROUP BY machine_id, tumble(timestamp, INTERVAL '1 minute', INTERVAL '20 seconds')
