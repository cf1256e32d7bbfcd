SELECT machine_id, window_end, window_time, max(temp_evaporator + 273.15) - min(temp_evaporator + 273.15) AS spread,
       max(temp_evaporator + 273.15) - min(temp_evaporator + 273.15) > 3 AS wide
FROM tumble(INTERVAL 30 SECONDS) WHERE temp_evaporator IS NOT NULL
GROUP BY machine_id, window_end, window_time
HAVING max(temp_evaporator + 273.15) - min(temp_evaporator + 273.15) > 0
