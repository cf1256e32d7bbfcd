SELECT machine_id, window_start, window_end, window_time, max(power) AS power, count(*) AS n
FROM tumble(INTERVAL 10 SECONDS) GROUP BY machine_id, window_start, window_end, window_time
