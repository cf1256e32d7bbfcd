-- max_delay: 1m
-- An hour of silence: whole parts of a day.
SELECT machine_id, window_start, window_end, window_time, count(*) AS n, sum(door_openings) AS openings
FROM readings
GROUP BY machine_id, session(timestamp, INTERVAL '1 hour')
