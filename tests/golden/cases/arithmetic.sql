-- Arithmetic inside and outside the aggregates; a division by what may be zero.
SELECT machine_id, window_start, window_time,
       avg(pressure_high / NULLIF(pressure_low, 0)) AS ratio, avg(pressure_high) / avg(pressure_low) AS ratio_of_means,
       sqrt(avg(power * power)) AS rms, max(temp_condenser - temp_evaporator) AS lift,
       round(avg(superheat), 1) AS rounded, abs(min(temp_evaporator)) AS positive, ln(1 + sum(power)) AS logarithm,
       power(avg(vibration), 2) + exp(-avg(vibration)) AS mixed
FROM readings
GROUP BY machine_id, tumble(timestamp, INTERVAL '30 seconds')
