-- Four keys of four types beside the window, a float among them.
SELECT machine_id, defrost, door_openings, fan_speed, window_end, window_time, count(*) AS n
FROM readings
GROUP BY machine_id, defrost, door_openings, fan_speed, tumble(timestamp, INTERVAL '5 minutes')
