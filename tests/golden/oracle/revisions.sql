SELECT machine_id, window_start, window_end, window_time, 0 AS revision, count(*) AS n, avg(temp_evaporator) AS mean
FROM tumble(INTERVAL 10 SECONDS)
GROUP BY machine_id, window_start, window_end, window_time
