SELECT machine_id, window_start, window_end, window_time, count(*) AS n,
       avg(temp_evaporator) AS mean, max(power) AS power, stddev_samp(superheat) AS sd
FROM session(INTERVAL 20 SECONDS)
GROUP BY machine_id, window_start, window_end, window_time
