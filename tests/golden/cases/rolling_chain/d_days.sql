SELECT machine_id, window_start, window_time, max(change) AS change, sum(n) AS n
FROM c_trend
GROUP BY machine_id, tumble(window_time, INTERVAL '1 day')
