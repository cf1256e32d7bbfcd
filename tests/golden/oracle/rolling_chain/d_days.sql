SELECT machine_id, window_start, window_time, max(change) AS change, sum(n)::BIGINT AS n
FROM over_stream('c_trend', INTERVAL 1 DAY, INTERVAL 1 DAY) GROUP BY machine_id, window_start, window_time
