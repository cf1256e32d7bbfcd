SELECT machine_id, window_start, window_end, window_time, count(superheat) AS n, avg(superheat) AS mean
FROM hop(INTERVAL 20 SECONDS, INTERVAL 45 SECONDS, shift := INTERVAL 3 SECONDS)
GROUP BY machine_id, window_start, window_end, window_time
