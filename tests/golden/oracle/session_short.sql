SELECT machine_id, window_start, window_end, window_time, count(*) AS n, min(timestamp) AS first, max(timestamp) AS last
FROM session(INTERVAL 7 SECONDS)
GROUP BY machine_id, window_start, window_end, window_time
