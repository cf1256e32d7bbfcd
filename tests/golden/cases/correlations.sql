-- Two columns against each other.
SELECT machine_id, window_start, window_time, covar_pop(pressure_high, temp_condenser) AS cp,
       covar_samp(pressure_high, temp_condenser) AS cs, regr_count(power, compressor_current) AS pairs,
       regr_avgx(power, compressor_current) AS ax, regr_avgy(power, compressor_current) AS ay,
       regr_sxx(power, compressor_current) AS sxx, regr_sxy(power, compressor_current) AS sxy
FROM readings
GROUP BY machine_id, tumble(timestamp, INTERVAL '2 minutes')
