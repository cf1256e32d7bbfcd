-- Only sessions with three readings or more, and a filter below.
SELECT machine_id, window_start, window_time, count(*) AS n, avg(compressor_current) AS current
FROM readings
WHERE compressor_current > 3
GROUP BY machine_id, session(timestamp, INTERVAL '15 seconds')
HAVING count(*) >= 3
