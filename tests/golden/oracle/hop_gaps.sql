SELECT machine_id, window_start, window_end, window_time, count(*) AS n, sum(power) AS power
FROM hop(INTERVAL 15 SECONDS, INTERVAL 4 SECONDS)
GROUP BY machine_id, window_start, window_end, window_time
