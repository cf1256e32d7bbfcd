SELECT machine_id, window_start, window_end, window_time, count(*) AS n, sum(power) AS power, min(timestamp) AS first
FROM tumble(INTERVAL 1 DAY)
GROUP BY machine_id, window_start, window_end, window_time
