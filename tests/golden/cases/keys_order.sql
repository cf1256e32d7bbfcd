-- The window first, the machine last, and keys that are expressions.
SELECT window_start, upper(operating_mode) AS mode, coalesce(door_openings, 0) > 0 AS opened, window_time, machine_id,
       count(*) AS n, max(timestamp) AS latest
FROM readings
GROUP BY tumble(timestamp, INTERVAL '2 minutes'), upper(operating_mode), coalesce(door_openings, 0) > 0, machine_id
