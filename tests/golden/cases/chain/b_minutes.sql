SELECT machine_id, window_start, window_end, window_time, sum(n) AS n, sum(energy) AS energy, max(warmest) AS warmest,
       count(*) AS windows
FROM a_tens
GROUP BY machine_id, tumble(window_time, INTERVAL '10 minutes')
