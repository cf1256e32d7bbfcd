SELECT machine_id, window_start, window_time, count(*) AS n
FROM tumble(INTERVAL 10 SECONDS, shift := INTERVAL 7 SECONDS)
GROUP BY machine_id, window_start, window_time
