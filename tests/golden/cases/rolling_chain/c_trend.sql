SELECT machine_id, window_time, mean - lag(mean) OVER (PARTITION BY machine_id ORDER BY window_time) AS change,
       sum(n) OVER (PARTITION BY machine_id ORDER BY window_time RANGE INTERVAL '30 seconds' PRECEDING) AS n
FROM b_tens
