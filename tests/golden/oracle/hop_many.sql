SELECT machine_id, window_end, window_time, count(*) AS n, sum(door_openings) AS openings, avg(power) AS power
FROM hop(INTERVAL 5 SECONDS, INTERVAL 10 MINUTES)
WHERE machine_id IN ('freezer', '42')
GROUP BY machine_id, window_end, window_time
