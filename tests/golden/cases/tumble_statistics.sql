-- Averages, spread and slope of floats that no sum represents exactly.
SELECT machine_id, window_end, window_time,
       avg(temp_evaporator) AS mean, sum(power) AS total, stddev(temp_evaporator) AS sd, var_pop(pressure_high) AS vp,
       stddev_pop(superheat) AS sdp, var_samp(vibration) AS vs,
       regr_slope(temp_evaporator, date_part('epoch', timestamp)) AS slope
FROM readings
GROUP BY machine_id, tumble(timestamp, INTERVAL '1 minute')
