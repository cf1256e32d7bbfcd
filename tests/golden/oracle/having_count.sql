SELECT machine_id, window_start, window_time, avg(power) AS power
FROM tumble(INTERVAL 10 SECONDS)
GROUP BY machine_id, window_start, window_time
HAVING count(*) >= 2 AND max(temp_evaporator) > -20 AND window_start >= TIMESTAMP '1970-01-01 00:00:00'
