SELECT machine_id, window_start, window_end, window_time, sum(n) AS n, sum(energy) AS energy, max(warmest) AS warmest,
       sum(windows) AS windows, count(*) AS parts
FROM b_minutes
GROUP BY machine_id, tumble(window_time, INTERVAL '1 day')
