SELECT machine_id, window_start, window_end, window_time, count(*) AS n, avg(superheat) AS superheat
FROM hop(INTERVAL 5 SECONDS, INTERVAL 20 SECONDS)
GROUP BY machine_id, window_start, window_end, window_time
