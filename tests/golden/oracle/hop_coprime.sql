SELECT machine_id, window_start, window_time, count(*) AS n, max(vibration) AS vibration, min(operating_mode) AS mode
FROM hop(INTERVAL 11 SECONDS, INTERVAL 13 SECONDS)
GROUP BY machine_id, window_start, window_time
