SELECT machine_id, window_start, window_end, window_time, sum(n) AS n, sum(energy) AS energy, max(warmest) AS warmest,
       sum(windows) AS windows, count(*) AS parts
FROM over_stream('b_minutes', INTERVAL 1 DAY, INTERVAL 1 DAY)
GROUP BY machine_id, window_start, window_end, window_time
