-- Nothing divides 11 and 13 s but a second.
SELECT machine_id, window_start, window_time, count(*) AS n, max(vibration) AS vibration, min(operating_mode) AS mode
FROM readings
GROUP BY machine_id, hop(timestamp, INTERVAL '11 seconds', INTERVAL '13 seconds')
