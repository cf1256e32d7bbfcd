SELECT machine_id, defrost, door_openings, fan_speed, window_end, window_time, count(*) AS n
FROM tumble(INTERVAL 5 MINUTES)
GROUP BY machine_id, defrost, door_openings, fan_speed, window_end, window_time
