SELECT machine_id, window_start, window_end, window_time,
       count(*) AS readings, count(temp_evaporator) AS temperatures, count(fan_speed) AS fans
FROM tumble(INTERVAL 10 SECONDS)
GROUP BY ALL
