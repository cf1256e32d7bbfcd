SELECT machine_id, window_start, window_end, window_time, count(*) AS n, sum(pressure_low) AS low,
       CASE WHEN regr_count(pressure_high, 1) > 1 AND regr_sxx(pressure_high, epoch_us(timestamp) / 1e6 - epoch_us(window_start) / 1e6) > 0
            THEN regr_slope(pressure_high, epoch_us(timestamp) / 1e6 - epoch_us(window_start) / 1e6) END AS slope
FROM hop(INTERVAL 7 SECONDS, INTERVAL 60 SECONDS)
GROUP BY machine_id, window_start, window_end, window_time
