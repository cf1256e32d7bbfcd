-- 45 s every 20 s, shifted by 3 s.
SELECT machine_id, window_start, window_end, window_time, count(superheat) AS n, avg(superheat) AS mean
FROM readings
GROUP BY machine_id, hop(timestamp, INTERVAL '20 seconds', INTERVAL '45 seconds', INTERVAL '3 seconds')
