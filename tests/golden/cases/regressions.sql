-- Lines through two columns, where there are points enough.
SELECT machine_id, window_start, window_time, corr(pressure_high, temp_condenser) AS r,
       regr_slope(power, compressor_current) AS slope, regr_intercept(power, compressor_current) AS intercept,
       regr_r2(power, compressor_current) AS r2
FROM readings
WHERE pressure_high IS NOT NULL AND temp_condenser IS NOT NULL AND power IS NOT NULL AND compressor_current IS NOT NULL
GROUP BY machine_id, tumble(timestamp, INTERVAL '5 minutes')
HAVING count(*) > 3
