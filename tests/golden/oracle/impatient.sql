SELECT machine_id, window_start, window_end, window_time, count(*) AS n, sum(power) AS power
FROM hop(INTERVAL 3 SECONDS, INTERVAL 9 SECONDS)
GROUP BY machine_id, window_start, window_end, window_time
