SELECT machine_id, window_start, window_end, window_time, count(*) AS n, max(power) AS power
FROM tumble(INTERVAL 250 MILLISECONDS)
GROUP BY machine_id, window_start, window_end, window_time
