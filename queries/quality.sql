-- What each sensor is worth: a verdict for every machine, sensor and quarter of an hour, from the windows of `features`.
--
-- good          nothing is known against it
-- missing       the machine cooled, and no value came
-- negative      below 0 where that cannot be: a current transformer that was mounted the wrong way round
-- out_of_range  a value that no plant has
-- zero          nothing but 0 for ten minutes of cooling: a value that was missing
-- stuck         not the least change in ten minutes of cooling
-- inconsistent  for ten minutes the temperature was not that of saturation at the pressure beside it, by 3 K: one of the two is
--               wrong, or the sensor is not where its name says (refrigerant known)
--
-- Sensors are judged while the machine cools, because that is when they must show something; NULL where it did not in the whole
-- quarter. A sensor that a machine has never had is `missing` as well: nobody but its owner knows better. `readings` is `gap`
-- where less than four fifths of the readings came that the best quarter of an hour of the last day had.
WITH windows AS (
    SELECT machine_id, window_start, window_end, window_time, revision,
           -- Of the windows that overlap, those that end with a minute have each reading once.
           coalesce(sum(samples) FILTER (WHERE date_part('second', f.window_end) = 0), 0) AS samples,
           count(*) FILTER (WHERE operating_mode = 'cooling') AS cooling,
           count(*) FILTER (WHERE abs(evaporator_residual) > 3) AS evaporator_off,
           count(*) FILTER (WHERE abs(condenser_residual) > 3) AS condenser_off,
           min(temp_evaporator_min) AS temp_evaporator_least, max(temp_evaporator_max) AS temp_evaporator_most,
           min(temp_condenser_min) AS temp_condenser_least, max(temp_condenser_max) AS temp_condenser_most,
           min(pressure_high_min) AS pressure_high_least, max(pressure_high_max) AS pressure_high_most,
           min(pressure_low_min) AS pressure_low_least, max(pressure_low_max) AS pressure_low_most,
           min(superheat_min) AS superheat_least, max(superheat_max) AS superheat_most,
           min(subcooling_min) AS subcooling_least, max(subcooling_max) AS subcooling_most,
           min(compressor_current_min) AS compressor_current_least, max(compressor_current_max) AS compressor_current_most,
           min(vibration_min) AS vibration_least, max(vibration_max) AS vibration_most,
           min(temp_discharge_avg) AS temp_discharge_least, max(temp_discharge_avg) AS temp_discharge_most,
           min(temp_suction_avg) AS temp_suction_least, max(temp_suction_avg) AS temp_suction_most,
           min(power_avg) AS power_least, max(power_avg) AS power_most,
           min(temp_ambient_avg) AS temp_ambient_least, max(temp_ambient_avg) AS temp_ambient_most,
           min(temp_room_avg) AS temp_room_least, max(temp_room_avg) AS temp_room_most
    FROM features AS f
    GROUP BY machine_id, tumble(f.window_time, INTERVAL '15 minutes')
),
judged AS (
    SELECT *,
           cooling >= 60 AS steady,
           max(samples) OVER (PARTITION BY machine_id ORDER BY window_time
                              RANGE BETWEEN INTERVAL '1 day' PRECEDING AND CURRENT ROW) AS usual
    FROM windows
)
SELECT machine_id, window_start, window_end, window_time, revision, samples,
       CASE WHEN samples < 0.8 * usual THEN 'gap' ELSE 'good' END AS readings,
       CASE WHEN temp_evaporator_least IS NULL THEN CASE WHEN cooling > 0 THEN 'missing' END
            WHEN temp_evaporator_least < -60 OR temp_evaporator_most > 60 THEN 'out_of_range'
            WHEN steady AND temp_evaporator_least = temp_evaporator_most THEN CASE WHEN temp_evaporator_least = 0 THEN 'zero' ELSE 'stuck' END
            WHEN evaporator_off >= 60 THEN 'inconsistent' ELSE 'good' END AS temp_evaporator,
       CASE WHEN temp_condenser_least IS NULL THEN CASE WHEN cooling > 0 THEN 'missing' END
            WHEN temp_condenser_least < -40 OR temp_condenser_most > 100 THEN 'out_of_range'
            WHEN steady AND temp_condenser_least = temp_condenser_most THEN CASE WHEN temp_condenser_least = 0 THEN 'zero' ELSE 'stuck' END
            WHEN condenser_off >= 60 THEN 'inconsistent' ELSE 'good' END AS temp_condenser,
       CASE WHEN pressure_high_least IS NULL THEN CASE WHEN cooling > 0 THEN 'missing' END
            WHEN pressure_high_least < -0.5 OR pressure_high_most > 150 THEN 'out_of_range'
            WHEN steady AND pressure_high_least = pressure_high_most THEN CASE WHEN pressure_high_least = 0 THEN 'zero' ELSE 'stuck' END ELSE 'good' END AS pressure_high,
       CASE WHEN pressure_low_least IS NULL THEN CASE WHEN cooling > 0 THEN 'missing' END
            WHEN pressure_low_least < -0.9 OR pressure_low_most > 100 THEN 'out_of_range'
            WHEN steady AND pressure_low_least = pressure_low_most THEN CASE WHEN pressure_low_least = 0 THEN 'zero' ELSE 'stuck' END ELSE 'good' END AS pressure_low,
       CASE WHEN superheat_least IS NULL THEN CASE WHEN cooling > 0 THEN 'missing' END
            WHEN superheat_least < -10 OR superheat_most > 60 THEN 'out_of_range'
            WHEN steady AND superheat_least = superheat_most THEN CASE WHEN superheat_least = 0 THEN 'zero' ELSE 'stuck' END ELSE 'good' END AS superheat,
       CASE WHEN subcooling_least IS NULL THEN CASE WHEN cooling > 0 THEN 'missing' END
            WHEN subcooling_least < -10 OR subcooling_most > 40 THEN 'out_of_range'
            WHEN steady AND subcooling_least = subcooling_most THEN CASE WHEN subcooling_least = 0 THEN 'zero' ELSE 'stuck' END ELSE 'good' END AS subcooling,
       CASE WHEN compressor_current_least IS NULL THEN CASE WHEN cooling > 0 THEN 'missing' END
            WHEN compressor_current_least < -0.2 THEN 'negative' WHEN compressor_current_most > 500 THEN 'out_of_range'
            WHEN steady AND compressor_current_least = compressor_current_most THEN CASE WHEN compressor_current_least = 0 THEN 'zero' ELSE 'stuck' END ELSE 'good' END AS compressor_current,
       CASE WHEN vibration_least IS NULL THEN CASE WHEN cooling > 0 THEN 'missing' END
            WHEN vibration_least < -0.001 THEN 'negative' WHEN vibration_most > 20 THEN 'out_of_range'
            WHEN steady AND vibration_least = vibration_most THEN CASE WHEN vibration_least = 0 THEN 'zero' ELSE 'stuck' END ELSE 'good' END AS vibration,
       CASE WHEN temp_discharge_least IS NULL THEN CASE WHEN cooling > 0 THEN 'missing' END
            WHEN temp_discharge_least < -40 OR temp_discharge_most > 180 THEN 'out_of_range'
            WHEN steady AND temp_discharge_most - temp_discharge_least < 1e-9 THEN CASE WHEN temp_discharge_least = 0 THEN 'zero' ELSE 'stuck' END ELSE 'good' END AS temp_discharge,
       CASE WHEN temp_suction_least IS NULL THEN CASE WHEN cooling > 0 THEN 'missing' END
            WHEN temp_suction_least < -60 OR temp_suction_most > 80 THEN 'out_of_range'
            WHEN steady AND temp_suction_most - temp_suction_least < 1e-9 THEN CASE WHEN temp_suction_least = 0 THEN 'zero' ELSE 'stuck' END ELSE 'good' END AS temp_suction,
       CASE WHEN power_least IS NULL THEN CASE WHEN cooling > 0 THEN 'missing' END
            WHEN power_least < -0.001 THEN 'negative' WHEN power_most > 500 THEN 'out_of_range'
            WHEN steady AND power_most - power_least < 1e-9 THEN CASE WHEN power_least = 0 THEN 'zero' ELSE 'stuck' END ELSE 'good' END AS power,
       CASE WHEN temp_ambient_least IS NULL THEN CASE WHEN cooling > 0 THEN 'missing' END
            WHEN temp_ambient_least < -40 OR temp_ambient_most > 60 THEN 'out_of_range' ELSE 'good' END AS temp_ambient,
       CASE WHEN temp_room_least IS NULL THEN CASE WHEN cooling > 0 THEN 'missing' END
            WHEN temp_room_least < -60 OR temp_room_most > 60 THEN 'out_of_range' ELSE 'good' END AS temp_room
FROM judged
