-- DISTINCT over windows that overlap: a value of several panes counts once.
SELECT machine_id, window_start, window_time, count(DISTINCT operating_mode) AS modes, count(DISTINCT door_openings) AS openings
FROM readings
GROUP BY machine_id, hop(timestamp, INTERVAL '7 seconds', INTERVAL '50 seconds')
