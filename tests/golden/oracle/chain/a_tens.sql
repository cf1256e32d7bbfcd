SELECT machine_id, window_start, window_end, window_time, count(*) AS n, sum(power) AS energy, max(temp_evaporator) AS warmest
FROM tumble(INTERVAL 10 SECONDS)
GROUP BY machine_id, window_start, window_end, window_time
