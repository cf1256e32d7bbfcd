-- A second key: the machine's stays in each of its modes.
SELECT machine_id, operating_mode, window_start, window_end, window_time, count(*) AS n
FROM readings
GROUP BY machine_id, operating_mode, session(timestamp, INTERVAL '30 seconds')
