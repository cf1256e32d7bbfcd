SELECT machine_id, window_start, window_end, window_time, sum(n) AS n, avg(superheat) AS superheat, count(*) AS windows
FROM a_fine
WHERE n > 1
GROUP BY machine_id, hop(window_time, INTERVAL '30 seconds', INTERVAL '90 seconds')
