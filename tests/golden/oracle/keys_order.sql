SELECT window_start, upper(operating_mode) AS mode, coalesce(door_openings, 0) > 0 AS opened, window_time, machine_id,
       count(*) AS n, max(timestamp) AS latest
FROM tumble(INTERVAL 2 MINUTES)
GROUP BY window_start, mode, opened, window_time, machine_id
