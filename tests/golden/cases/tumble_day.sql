-- Days of UTC, the leap day among them.
SELECT machine_id, window_start, window_end, window_time, count(*) AS n, sum(power) AS power, min(timestamp) AS first
FROM readings
GROUP BY machine_id, tumble(timestamp, INTERVAL '1 day')
