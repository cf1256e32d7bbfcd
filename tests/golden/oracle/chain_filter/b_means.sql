SELECT machine_id, window_start, window_end, window_time, count(*) AS n, avg(temp_evaporator + 273.15) AS kelvin, sum(power) AS power
FROM tumble(INTERVAL 30 SECONDS)
WHERE temp_evaporator > -11
GROUP BY machine_id, window_start, window_end, window_time
