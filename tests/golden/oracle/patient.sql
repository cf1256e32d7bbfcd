SELECT machine_id, window_start, window_end, window_time, count(*) AS n, avg(temp_condenser) AS mean
FROM tumble(INTERVAL 10 SECONDS)
GROUP BY machine_id, window_start, window_end, window_time
