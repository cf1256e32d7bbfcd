-- Which readings are late, and what the watermark was when they came.
SELECT machine_id, window_start, window_time, count(*) AS n
FROM readings
GROUP BY machine_id, hop(timestamp, INTERVAL '2 seconds', INTERVAL '6 seconds')
