SELECT machine_id, window_start, window_end, window_time, count(*) AS runs, sum(n) AS n
FROM over_stream('b_runs', INTERVAL 1 DAY, INTERVAL 1 DAY)
GROUP BY machine_id, window_start, window_end, window_time
