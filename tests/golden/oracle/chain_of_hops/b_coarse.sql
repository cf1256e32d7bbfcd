SELECT machine_id, window_start, window_end, window_time, sum(n) AS n, avg(superheat) AS superheat, count(*) AS windows
FROM over_stream('a_fine', INTERVAL 30 SECONDS, INTERVAL 90 SECONDS)
WHERE n > 1
GROUP BY machine_id, window_start, window_end, window_time
