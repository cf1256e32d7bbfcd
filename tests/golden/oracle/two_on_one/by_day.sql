SELECT machine_id, window_start, window_time, count(*) AS n, avg(temp_condenser) AS mean
FROM tumble(INTERVAL 1 DAY) GROUP BY machine_id, window_start, window_time
