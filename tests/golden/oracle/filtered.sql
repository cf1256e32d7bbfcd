SELECT machine_id, window_start, window_time, count(*) AS n, avg(temp_evaporator) AS mean
FROM tumble(INTERVAL 20 SECONDS)
WHERE operating_mode = 'normal' AND superheat BETWEEN 4 AND 9 AND temp_evaporator IS NOT NULL AND NOT coalesce(defrost, false)
GROUP BY machine_id, window_start, window_time
