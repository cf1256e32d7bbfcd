SELECT machine_id, window_start, window_end, window_time, count(*) AS n
FROM tumble(INTERVAL 1000003 MICROSECONDS)
GROUP BY machine_id, window_start, window_end, window_time
