SELECT machine_id, window_start, window_end, window_time, count(*) AS n,
       avg(temp_evaporator) AS mean, stddev_samp(temp_evaporator) AS sd, min(power) AS least, max(power) AS most
FROM hop(INTERVAL 10 SECONDS, INTERVAL 60 SECONDS)
GROUP BY machine_id, window_start, window_end, window_time
