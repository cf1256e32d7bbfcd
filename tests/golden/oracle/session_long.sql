SELECT machine_id, window_start, window_end, window_time, count(*) AS n, sum(door_openings) AS openings
FROM session(INTERVAL 1 HOUR)
GROUP BY machine_id, window_start, window_end, window_time
