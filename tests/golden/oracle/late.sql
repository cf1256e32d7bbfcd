SELECT machine_id, window_start, window_time, count(*) AS n
FROM hop(INTERVAL 2 SECONDS, INTERVAL 6 SECONDS) GROUP BY machine_id, window_start, window_time
