-- Sums of whole numbers are whole, averages are not; the division of two whole numbers is cut.
SELECT machine_id, window_start, window_time,
       sum(door_openings) AS openings, avg(door_openings) AS mean, sum(door_openings) / count(*) AS each,
       sum(door_openings) % 3 AS rest, sum(door_openings * door_openings) AS squares
FROM readings
GROUP BY machine_id, tumble(timestamp, INTERVAL '1 minute')
