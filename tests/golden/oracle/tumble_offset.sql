SELECT machine_id, window_start, window_end, window_time, count(*) AS n, avg(superheat) AS superheat
FROM tumble(INTERVAL 1 MINUTE, shift := INTERVAL 20 SECONDS)
GROUP BY machine_id, window_start, window_end, window_time
