SELECT machine_id, window_start, window_time, count(*) AS n, max(step) AS step, avg(mean) AS mean
FROM a_steps
GROUP BY machine_id, tumble(timestamp, INTERVAL '10 seconds')
