-- Rolling thermodynamic features of each machine: the last 60 s, every 10 s.
--
-- Units are those of the readings (°C, bar, K, A, g); `_slope` is per second. Pressures are taken as absolute.
-- A feature that cannot be known (no reading of the sensor, condenser not warmer than evaporator) is NULL.
SELECT machine_id, window_start, window_end, window_time, samples,
       temp_evaporator_avg, temp_evaporator_min, temp_evaporator_max, temp_evaporator_stddev, temp_evaporator_slope,
       temp_condenser_avg, temp_condenser_min, temp_condenser_max, temp_condenser_stddev, temp_condenser_slope,
       pressure_high_avg, pressure_high_min, pressure_high_max, pressure_high_stddev, pressure_high_slope,
       pressure_low_avg, pressure_low_min, pressure_low_max, pressure_low_stddev, pressure_low_slope,
       superheat_avg, superheat_min, superheat_max, superheat_stddev, superheat_slope,
       subcooling_avg, subcooling_min, subcooling_max, subcooling_stddev, subcooling_slope,
       compressor_current_avg, compressor_current_min, compressor_current_max, compressor_current_stddev, compressor_current_slope,
       vibration_avg, vibration_min, vibration_max, vibration_stddev, vibration_slope,
       -- Carnot COP of a refrigerator between the two saturation temperatures, in kelvin.
       CASE WHEN temp_condenser_avg > temp_evaporator_avg
            THEN (temp_evaporator_avg + 273.15) / (temp_condenser_avg - temp_evaporator_avg) END AS cop_carnot,
       CASE WHEN pressure_low_avg > 0 THEN pressure_high_avg / pressure_low_avg END AS pressure_ratio,
       temp_condenser_avg - temp_evaporator_avg AS temp_difference,
       compressor_efficiency
FROM (
    SELECT machine_id, window_start, window_end, window_time,
           count(*) AS samples,
           avg(temp_evaporator) AS temp_evaporator_avg, min(temp_evaporator) AS temp_evaporator_min, max(temp_evaporator) AS temp_evaporator_max,
           stddev(temp_evaporator) AS temp_evaporator_stddev, regr_slope(temp_evaporator, date_part('epoch', timestamp)) AS temp_evaporator_slope,
           avg(temp_condenser) AS temp_condenser_avg, min(temp_condenser) AS temp_condenser_min, max(temp_condenser) AS temp_condenser_max,
           stddev(temp_condenser) AS temp_condenser_stddev, regr_slope(temp_condenser, date_part('epoch', timestamp)) AS temp_condenser_slope,
           avg(pressure_high) AS pressure_high_avg, min(pressure_high) AS pressure_high_min, max(pressure_high) AS pressure_high_max,
           stddev(pressure_high) AS pressure_high_stddev, regr_slope(pressure_high, date_part('epoch', timestamp)) AS pressure_high_slope,
           avg(pressure_low) AS pressure_low_avg, min(pressure_low) AS pressure_low_min, max(pressure_low) AS pressure_low_max,
           stddev(pressure_low) AS pressure_low_stddev, regr_slope(pressure_low, date_part('epoch', timestamp)) AS pressure_low_slope,
           avg(superheat) AS superheat_avg, min(superheat) AS superheat_min, max(superheat) AS superheat_max,
           stddev(superheat) AS superheat_stddev, regr_slope(superheat, date_part('epoch', timestamp)) AS superheat_slope,
           avg(subcooling) AS subcooling_avg, min(subcooling) AS subcooling_min, max(subcooling) AS subcooling_max,
           stddev(subcooling) AS subcooling_stddev, regr_slope(subcooling, date_part('epoch', timestamp)) AS subcooling_slope,
           avg(compressor_current) AS compressor_current_avg, min(compressor_current) AS compressor_current_min, max(compressor_current) AS compressor_current_max,
           stddev(compressor_current) AS compressor_current_stddev, regr_slope(compressor_current, date_part('epoch', timestamp)) AS compressor_current_slope,
           avg(vibration) AS vibration_avg, min(vibration) AS vibration_min, max(vibration) AS vibration_max,
           stddev(vibration) AS vibration_stddev, regr_slope(vibration, date_part('epoch', timestamp)) AS vibration_slope,
           avg(efficiency) AS compressor_efficiency
    FROM readings
    GROUP BY machine_id, hop(timestamp, INTERVAL '10 seconds', INTERVAL '60 seconds')
)
