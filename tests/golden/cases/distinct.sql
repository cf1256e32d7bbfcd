-- DISTINCT inside aggregates.
SELECT machine_id, window_start, window_time, count(DISTINCT operating_mode) AS modes,
       sum(DISTINCT door_openings) AS openings, count(DISTINCT fan_speed) AS speeds, min(DISTINCT door_openings) AS least,
       count(DISTINCT defrost) AS states, avg(DISTINCT fan_speed) AS speed
FROM readings
GROUP BY machine_id, tumble(timestamp, INTERVAL '1 minute')
