SELECT machine_id, window_start, window_time, median(temp_evaporator) AS middle,
       quantile_cont(power, 0.75) AS p75, quantile_cont(superheat, 0.75) AS q, median(power) FILTER (WHERE power > 1) AS busy
FROM hop(INTERVAL 25 SECONDS, INTERVAL 1 MINUTE)
GROUP BY machine_id, window_start, window_time
