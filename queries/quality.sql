-- What each sensor is worth: a verdict for every machine, sensor and quarter of an hour.
--
-- good          nothing is known against it
-- missing       no value came, although the machine sent readings
-- zero          nothing but 0 while the compressor ran, from a sensor that cannot show that: a value that was missing
-- negative      below 0 where that cannot be: a current transformer that was mounted the wrong way round
-- out_of_range  a value that no plant has
-- stuck         not the least change in ten readings or more while the compressor ran all the time
-- inconsistent  the temperature is not that of saturation at the pressure beside it (refrigerant known, compressor running)
--
-- A sensor that a machine has never had is `missing` as well: nobody but its owner knows better. `readings` is `gap` where
-- less than four fifths of the readings came that the best quarter of an hour of the last day had.
WITH modes AS (
    SELECT *,
           operating_mode(operating_mode, compressor_current, power, pressure_high, pressure_low,
                          temp_evaporator, temp_room) = 'cooling'
               -- A current that reads 0 must not hide that the pressures are being held apart.
               OR (compressor_current = 0 AND pressure_high - pressure_low > 3) AS cools
    FROM readings
),
windows AS (
    SELECT machine_id, window_start, window_end, window_time, revision,
           count(*) AS samples,
           count(*) FILTER (WHERE cools) AS cooling,
           avg(temp_evaporator) FILTER (WHERE cools) AS temp_evaporator_cooling,
           avg(temp_condenser) FILTER (WHERE cools) AS temp_condenser_cooling,
           avg(pressure_high) FILTER (WHERE cools) AS pressure_high_cooling,
           avg(pressure_low) FILTER (WHERE cools) AS pressure_low_cooling,
           min(temp_evaporator) AS temp_evaporator_min, max(temp_evaporator) AS temp_evaporator_max,
           min(temp_condenser) AS temp_condenser_min, max(temp_condenser) AS temp_condenser_max,
           min(pressure_high) AS pressure_high_min, max(pressure_high) AS pressure_high_max,
           min(pressure_low) AS pressure_low_min, max(pressure_low) AS pressure_low_max,
           min(superheat) AS superheat_min, max(superheat) AS superheat_max,
           min(subcooling) AS subcooling_min, max(subcooling) AS subcooling_max,
           min(compressor_current) AS compressor_current_min, max(compressor_current) AS compressor_current_max,
           min(vibration) AS vibration_min, max(vibration) AS vibration_max,
           min(temp_discharge) AS temp_discharge_min, max(temp_discharge) AS temp_discharge_max,
           min(temp_suction) AS temp_suction_min, max(temp_suction) AS temp_suction_max,
           min(temp_ambient) AS temp_ambient_min, max(temp_ambient) AS temp_ambient_max,
           min(temp_room) AS temp_room_min, max(temp_room) AS temp_room_max,
           min(power) AS power_min, max(power) AS power_max
    FROM modes
    GROUP BY machine_id, tumble(timestamp, INTERVAL '15 minutes')
),
machine AS (
    SELECT w.*, m.refrigerant, m.pressure_reference, m.altitude
    FROM windows AS w LEFT JOIN machines AS m ON m.machine_id = w.machine_id
),
pressures AS (
    SELECT *,
           cooling = samples AND samples >= 10 AS steady,
           to_absolute(pressure_low_cooling, pressure_reference, altitude) AS p_low,
           to_absolute(pressure_high_cooling, pressure_reference, altitude) AS p_high,
           max(samples) OVER (PARTITION BY machine_id ORDER BY window_time
                              RANGE BETWEEN INTERVAL '1 day' PRECEDING AND CURRENT ROW) AS usual
    FROM machine
),
saturation AS (
    -- A blend evaporates and condenses between its two lines.
    SELECT *,
           temp_evaporator_cooling > t_sat(refrigerant, p_low, 'dew') + 3
               OR temp_evaporator_cooling < t_sat(refrigerant, p_low, 'bubble') - 3 AS evaporator_off,
           temp_condenser_cooling > t_sat(refrigerant, p_high, 'dew') + 3
               OR temp_condenser_cooling < t_sat(refrigerant, p_high, 'bubble') - 3 AS condenser_off
    FROM pressures
)
SELECT machine_id, window_start, window_end, window_time, revision, samples,
       CASE WHEN samples < 0.8 * usual THEN 'gap' ELSE 'good' END AS readings,
       CASE WHEN temp_evaporator_min IS NULL THEN 'missing' WHEN temp_evaporator_min < -60 OR temp_evaporator_max > 60 THEN 'out_of_range'
            WHEN steady AND temp_evaporator_min = temp_evaporator_max THEN CASE WHEN temp_evaporator_min = 0 THEN 'zero' ELSE 'stuck' END
            WHEN evaporator_off THEN 'inconsistent' ELSE 'good' END AS temp_evaporator,
       CASE WHEN temp_condenser_min IS NULL THEN 'missing' WHEN temp_condenser_min < -40 OR temp_condenser_max > 100 THEN 'out_of_range'
            WHEN steady AND temp_condenser_min = temp_condenser_max THEN CASE WHEN temp_condenser_min = 0 THEN 'zero' ELSE 'stuck' END
            WHEN condenser_off THEN 'inconsistent' ELSE 'good' END AS temp_condenser,
       CASE WHEN pressure_high_min IS NULL THEN 'missing' WHEN pressure_high_min < -0.5 OR pressure_high_max > 150 THEN 'out_of_range'
            WHEN steady AND pressure_high_min = pressure_high_max THEN CASE WHEN pressure_high_min = 0 THEN 'zero' ELSE 'stuck' END ELSE 'good' END AS pressure_high,
       CASE WHEN pressure_low_min IS NULL THEN 'missing' WHEN pressure_low_min < -0.9 OR pressure_low_max > 100 THEN 'out_of_range'
            WHEN steady AND pressure_low_min = pressure_low_max THEN CASE WHEN pressure_low_min = 0 THEN 'zero' ELSE 'stuck' END ELSE 'good' END AS pressure_low,
       CASE WHEN superheat_min IS NULL THEN 'missing' WHEN superheat_min < -10 OR superheat_max > 60 THEN 'out_of_range'
            WHEN steady AND superheat_min = superheat_max THEN CASE WHEN superheat_min = 0 THEN 'zero' ELSE 'stuck' END ELSE 'good' END AS superheat,
       CASE WHEN subcooling_min IS NULL THEN 'missing' WHEN subcooling_min < -10 OR subcooling_max > 40 THEN 'out_of_range'
            WHEN steady AND subcooling_min = subcooling_max THEN CASE WHEN subcooling_min = 0 THEN 'zero' ELSE 'stuck' END ELSE 'good' END AS subcooling,
       CASE WHEN compressor_current_min IS NULL THEN 'missing' WHEN compressor_current_min < -0.2 THEN 'negative' WHEN compressor_current_max > 500 THEN 'out_of_range'
            WHEN steady AND compressor_current_min = compressor_current_max THEN CASE WHEN compressor_current_min = 0 THEN 'zero' ELSE 'stuck' END ELSE 'good' END AS compressor_current,
       CASE WHEN vibration_min IS NULL THEN 'missing' WHEN vibration_min < -0.001 THEN 'negative' WHEN vibration_max > 20 THEN 'out_of_range'
            WHEN steady AND vibration_min = vibration_max THEN CASE WHEN vibration_min = 0 THEN 'zero' ELSE 'stuck' END ELSE 'good' END AS vibration,
       CASE WHEN temp_discharge_min IS NULL THEN 'missing' WHEN temp_discharge_min < -40 OR temp_discharge_max > 180 THEN 'out_of_range'
            WHEN steady AND temp_discharge_min = temp_discharge_max THEN CASE WHEN temp_discharge_min = 0 THEN 'zero' ELSE 'stuck' END ELSE 'good' END AS temp_discharge,
       CASE WHEN temp_suction_min IS NULL THEN 'missing' WHEN temp_suction_min < -60 OR temp_suction_max > 80 THEN 'out_of_range'
            WHEN steady AND temp_suction_min = temp_suction_max THEN CASE WHEN temp_suction_min = 0 THEN 'zero' ELSE 'stuck' END ELSE 'good' END AS temp_suction,
       CASE WHEN temp_ambient_min IS NULL THEN 'missing' WHEN temp_ambient_min < -40 OR temp_ambient_max > 60 THEN 'out_of_range' ELSE 'good' END AS temp_ambient,
       CASE WHEN temp_room_min IS NULL THEN 'missing' WHEN temp_room_min < -60 OR temp_room_max > 60 THEN 'out_of_range' ELSE 'good' END AS temp_room,
       CASE WHEN power_min IS NULL THEN 'missing' WHEN power_min < -0.001 THEN 'negative' WHEN power_max > 500 THEN 'out_of_range'
            WHEN steady AND power_min = power_max THEN CASE WHEN power_min = 0 THEN 'zero' ELSE 'stuck' END ELSE 'good' END AS power
FROM saturation
