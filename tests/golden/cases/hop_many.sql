-- 120 windows hold each reading.
SELECT machine_id, window_end, window_time, count(*) AS n, sum(door_openings) AS openings, avg(power) AS power
FROM readings
WHERE machine_id IN ('freezer', '42')
GROUP BY machine_id, hop(timestamp, INTERVAL '5 seconds', INTERVAL '10 minutes')
