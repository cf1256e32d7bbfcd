-- The last minute, every ten seconds: a reading is in six windows.
SELECT machine_id, window_start, window_end, window_time, count(*) AS n,
       avg(temp_evaporator) AS mean, stddev(temp_evaporator) AS sd, min(power) AS least, max(power) AS most
FROM readings
GROUP BY machine_id, hop(timestamp, INTERVAL '10 seconds', INTERVAL '60 seconds')
