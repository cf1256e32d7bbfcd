-- Windows of a quarter of a second: most hold one reading, and an edge lies between two microseconds.
SELECT machine_id, window_start, window_end, window_time, count(*) AS n, max(power) AS power
FROM readings
GROUP BY machine_id, tumble(timestamp, INTERVAL '250 milliseconds')
