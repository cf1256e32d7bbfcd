SELECT machine_id, window_end, window_time,
       avg(temp_evaporator) AS mean, sum(power) AS total, stddev_samp(temp_evaporator) AS sd, var_pop(pressure_high) AS vp,
       stddev_pop(superheat) AS sdp, var_samp(vibration) AS vs,
       -- The query's seconds since 1970, counted from the window's start: DuckDB multiplies them, which would leave too few
       -- digits. NULL, not NaN, where all readings are of one instant.
       CASE WHEN regr_count(temp_evaporator, 1) > 1 AND regr_sxx(temp_evaporator, epoch_us(timestamp) / 1e6 - epoch_us(window_start) / 1e6) > 0
            THEN regr_slope(temp_evaporator, epoch_us(timestamp) / 1e6 - epoch_us(window_start) / 1e6) END AS slope
FROM tumble(INTERVAL 1 MINUTE)
GROUP BY machine_id, window_start, window_end, window_time
