SELECT machine_id, window_start, window_time, count(DISTINCT operating_mode) AS modes, count(DISTINCT door_openings) AS openings
FROM hop(INTERVAL 7 SECONDS, INTERVAL 50 SECONDS)
GROUP BY machine_id, window_start, window_time
