-- A session lasts until a machine is silent for more than 20 s; it ends 20 s after its last reading.
SELECT machine_id, window_start, window_end, window_time, count(*) AS n,
       avg(temp_evaporator) AS mean, max(power) AS power, stddev(superheat) AS sd
FROM readings
GROUP BY machine_id, session(timestamp, INTERVAL '20 seconds')
