SELECT machine_id, window_start, window_end, window_time, sum(n) AS n, sum(energy) AS energy, max(warmest) AS warmest,
       count(*) AS windows
FROM over_stream('a_tens', INTERVAL 10 MINUTES, INTERVAL 10 MINUTES)
GROUP BY machine_id, window_start, window_end, window_time
