SELECT machine_id, operating_mode, window_start, window_time, count(*) AS n, avg(power) AS power
FROM tumble(INTERVAL 1 MINUTE)
GROUP BY machine_id, operating_mode, window_start, window_time
