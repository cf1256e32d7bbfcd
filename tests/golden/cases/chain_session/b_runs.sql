SELECT machine_id, window_start, window_end, window_time, count(*) AS tens, sum(n) AS n, max(power) AS power
FROM a_tens
WHERE power > 1
GROUP BY machine_id, session(window_time, INTERVAL '20 seconds')
