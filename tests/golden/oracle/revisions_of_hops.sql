SELECT machine_id, window_start, window_end, window_time, 0 AS revision, count(*) AS n, sum(power) AS power, max(superheat) AS most
FROM hop(INTERVAL 10 SECONDS, INTERVAL 30 SECONDS)
GROUP BY machine_id, window_start, window_end, window_time
