-- What each machine is doing and how well: the last 60 s, every 10 s.
--
-- Units are those of the readings (°C, bar, K, A, g); `_slope` is per second; efficiencies and COPs have none, `mass_flow` is
-- in kg/s, `cooling_capacity` and `power_avg` in kW, `running_for` in seconds.
--
-- Validity. A machine that has just started, stands, or defrosts has temperatures and pressures that say nothing about its
-- health. So every column that does is NULL unless the compressor ran all through the window and for three minutes before
-- it; `invalid_reason` tells why it is NULL. Pressures, the superheat of gas and the subcooling of liquid have to be
-- such that the cycle can be told: where they are not, the figures of the cycle are NULL, and the rest is there. What a
-- machine does not measure is NULL, and so is what needs its refrigerant, where that is not known.
--
-- Memory. Windows are made first, and what has to be remembered (the last stop, the starts of an hour) is asked of windows,
-- which are ten times fewer than readings.
WITH modes AS (
    SELECT *,
           mode IN ('cooling', 'starting', 'pump_down', 'fan_delay') AS runs,
           mode = 'cooling' AS cools
    FROM (
        SELECT *,
               operating_mode(operating_mode, compressor_current, power, pressure_high, pressure_low,
                              temp_evaporator, temp_room) AS mode
        FROM readings
    )
),
windows AS (
    SELECT machine_id, window_start, window_end, window_time, revision,
           count(*) AS samples,
           count(mode) AS moded,
           count(*) FILTER (WHERE cools) AS cooling,
           count(*) FILTER (WHERE runs) AS running,
           count(*) FILTER (WHERE mode = 'defrost') AS defrosting,
           -- Modes that only the machine itself can tell. They follow each other as their names do: drip, fan_delay, starting.
           max(mode) FILTER (WHERE mode NOT IN ('off', 'cooling', 'defrost')) AS reported_mode,
           min(timestamp) AS first_reading,
           max(timestamp) FILTER (WHERE runs) AS ran_at,
           max(timestamp) FILTER (WHERE NOT runs) AS stopped_at,
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
           avg(efficiency) AS compressor_efficiency,
           avg(temp_discharge) AS temp_discharge_avg, avg(temp_suction) AS temp_suction_avg,
           avg(temp_ambient) AS temp_ambient_avg, avg(temp_room) AS temp_room_avg, avg(temp_product) AS temp_product_avg,
           avg(power) AS power_avg
    FROM modes
    GROUP BY machine_id, hop(timestamp, INTERVAL '10 seconds', INTERVAL '60 seconds')
),
memory AS (
    SELECT *,
           coalesce(runs_now AND NOT lag(runs_now) OVER (PARTITION BY machine_id ORDER BY window_time), false) AS started,
           coalesce(max(stopped_at) OVER past, min(first_reading) OVER past) AS runs_since,
           min(CASE WHEN cooling = samples THEN temp_evaporator_avg END) OVER past AS coldest,
           max(CASE WHEN defrosting > 0 THEN window_end END) OVER past AS defrosted_at
    FROM (
        SELECT *, ran_at IS NOT NULL AND (stopped_at IS NULL OR ran_at > stopped_at) AS runs_now FROM windows
    )
    WINDOW past AS (PARTITION BY machine_id ORDER BY window_time
                    RANGE BETWEEN INTERVAL '30 minutes' PRECEDING AND CURRENT ROW)
),
hour AS (
    SELECT *,
           sum(CASE WHEN started THEN 1 ELSE 0 END) OVER hour AS starts,
           avg(CAST(running AS DOUBLE) / samples) OVER hour AS duty,
           cooling = samples AND window_start >= runs_since + INTERVAL '3 minutes' AS settled
    FROM memory
    WINDOW hour AS (PARTITION BY machine_id ORDER BY window_time
                    RANGE BETWEEN INTERVAL '1 hour' PRECEDING AND CURRENT ROW)
),
machine AS (
    SELECT h.*, m.refrigerant, m.pressure_reference, m.altitude, m.displacement
    FROM hour AS h LEFT JOIN machines AS m ON m.machine_id = h.machine_id
),
states AS (
    SELECT *,
           CASE WHEN moded = 0 THEN NULL
                WHEN reported_mode IS NOT NULL THEN reported_mode
                WHEN runs_now AND settled THEN 'cooling'
                WHEN runs_now THEN 'starting'
                WHEN defrosting > 0 THEN 'defrost'
                -- A coil that froze and has thawed in the air of its room.
                WHEN temp_evaporator_avg >= 5 AND coldest < 0 THEN 'defrost'
                WHEN window_end < defrosted_at + INTERVAL '10 minutes' THEN 'drip'
                ELSE 'off' END AS operating_mode,
           -- Where nothing is known it is NULL, and so is what it is added to: a CASE for each column would cost five times as much.
           CASE WHEN settled THEN 0.0 END AS known
    FROM machine
),
absolute AS (
    SELECT *,
           to_absolute(pressure_high_avg, pressure_reference, altitude) + known AS p_high,
           to_absolute(pressure_low_avg, pressure_reference, altitude) + known AS p_low,
           -- What a reversed current transformer gives is no power.
           CASE WHEN settled AND power_avg > 0 THEN power_avg END AS power
    FROM states
),
saturation AS (
    SELECT *,
           t_sat(refrigerant, p_low, 'dew') AS t_evap,
           t_sat(refrigerant, p_high, 'dew') AS t_cond,
           t_sat(refrigerant, p_low, 'bubble') AS t_boiling,
           t_sat(refrigerant, p_high, 'bubble') AS t_liquefied,
           p_high - p_low > 1 AS apart
    FROM absolute
),
gas AS (
    SELECT *,
           CASE WHEN apart THEN coalesce(temp_suction_avg, t_evap + superheat_avg) END AS t_suction,
           CASE WHEN apart IS NOT FALSE THEN known + coalesce(t_evap, CASE WHEN refrigerant IS NULL OR p_low IS NULL THEN temp_evaporator_avg END) END
               AS cold_end,
           CASE WHEN apart IS NOT FALSE THEN known + coalesce(t_cond, CASE WHEN refrigerant IS NULL OR p_high IS NULL THEN temp_condenser_avg END) END
               AS hot_end
    FROM saturation
),
cycle AS (
    SELECT *,
           -- Gas that is wet has a temperature and a pressure, but no enthalpy that they would tell.
           CASE WHEN t_suction - t_evap > 0.5 THEN t_suction END AS t_gas,
           CASE WHEN subcooling_avg > 0.5 THEN subcooling_avg END AS liquid_below
    FROM gas
),
compressor AS (
    SELECT *,
           isentropic_efficiency(refrigerant, p_low, t_gas, p_high, temp_discharge_avg) AS isentropic_efficiency,
           mass_flow(refrigerant, p_low, t_gas, p_high, temp_discharge_avg, power) AS mass_flow
    FROM cycle
),
figures AS (
    SELECT *,
           cop_cycle(refrigerant, t_evap, t_cond, t_gas - t_evap, liquid_below, isentropic_efficiency) AS cop_cycle,
           cooling_capacity(refrigerant, mass_flow, p_low, t_gas, t_liquefied - liquid_below)
               AS cooling_capacity
    FROM compressor
)
SELECT machine_id, window_start, window_end, window_time, revision, samples,
       operating_mode,
       CASE WHEN operating_mode IS NULL THEN 'unknown mode'
            WHEN NOT settled THEN operating_mode
            WHEN p_high IS NULL OR p_low IS NULL THEN 'no pressures'
            WHEN NOT apart THEN 'low pressure difference'
            WHEN refrigerant IS NULL THEN 'unknown refrigerant'
            WHEN t_evap IS NULL OR t_cond IS NULL THEN 'pressure outside the table'
            WHEN t_suction IS NULL THEN 'no superheat'
            WHEN t_gas IS NULL THEN 'two-phase suction'
            WHEN temp_discharge_avg IS NULL THEN 'no discharge temperature'
            WHEN isentropic_efficiency IS NULL THEN 'discharge temperature out of range'
            WHEN subcooling_avg IS NULL THEN 'no subcooling'
            WHEN liquid_below IS NULL THEN 'two-phase liquid' END AS invalid_reason,
       CASE WHEN runs_now THEN date_part('epoch', window_end) - date_part('epoch', runs_since) END AS running_for,
       duty, starts,
       temp_evaporator_avg + known AS temp_evaporator_avg, temp_evaporator_min + known AS temp_evaporator_min, temp_evaporator_max + known AS temp_evaporator_max, temp_evaporator_stddev + known AS temp_evaporator_stddev, temp_evaporator_slope + known AS temp_evaporator_slope,
       temp_condenser_avg + known AS temp_condenser_avg, temp_condenser_min + known AS temp_condenser_min, temp_condenser_max + known AS temp_condenser_max, temp_condenser_stddev + known AS temp_condenser_stddev, temp_condenser_slope + known AS temp_condenser_slope,
       pressure_high_avg + known AS pressure_high_avg, pressure_high_min + known AS pressure_high_min, pressure_high_max + known AS pressure_high_max, pressure_high_stddev + known AS pressure_high_stddev, pressure_high_slope + known AS pressure_high_slope,
       pressure_low_avg + known AS pressure_low_avg, pressure_low_min + known AS pressure_low_min, pressure_low_max + known AS pressure_low_max, pressure_low_stddev + known AS pressure_low_stddev, pressure_low_slope + known AS pressure_low_slope,
       superheat_avg + known AS superheat_avg, superheat_min + known AS superheat_min, superheat_max + known AS superheat_max, superheat_stddev + known AS superheat_stddev, superheat_slope + known AS superheat_slope,
       subcooling_avg + known AS subcooling_avg, subcooling_min + known AS subcooling_min, subcooling_max + known AS subcooling_max, subcooling_stddev + known AS subcooling_stddev, subcooling_slope + known AS subcooling_slope,
       compressor_current_avg + known AS compressor_current_avg, compressor_current_min + known AS compressor_current_min, compressor_current_max + known AS compressor_current_max, compressor_current_stddev + known AS compressor_current_stddev, compressor_current_slope + known AS compressor_current_slope,
       vibration_avg + known AS vibration_avg, vibration_min + known AS vibration_min, vibration_max + known AS vibration_max, vibration_stddev + known AS vibration_stddev, vibration_slope + known AS vibration_slope,
       temp_discharge_avg + known AS temp_discharge_avg, temp_suction_avg + known AS temp_suction_avg,
       temp_ambient_avg, temp_room_avg, temp_product_avg, power_avg,
       -- Saturation at the two pressures, on the dew line; and how far the ends of the cycle are from the air around them.
       CASE WHEN apart THEN t_evap END AS t_evap, CASE WHEN apart THEN t_cond END AS t_cond,
       CASE WHEN apart THEN t_suction - t_evap END AS suction_superheat,
       CASE WHEN apart THEN temp_discharge_avg - t_cond END AS discharge_superheat,
       -- How far a measured temperature is outside of what its pressure says; a blend has a range.
       CASE WHEN NOT apart THEN NULL WHEN temp_evaporator_avg > t_evap THEN temp_evaporator_avg - t_evap
            WHEN temp_evaporator_avg < t_boiling THEN temp_evaporator_avg - t_boiling
            WHEN temp_evaporator_avg >= t_boiling THEN 0 END AS evaporator_residual,
       CASE WHEN NOT apart THEN NULL WHEN temp_condenser_avg > t_cond THEN temp_condenser_avg - t_cond
            WHEN temp_condenser_avg < t_liquefied THEN temp_condenser_avg - t_liquefied
            WHEN temp_condenser_avg >= t_liquefied THEN 0 END AS condenser_residual,
       hot_end - temp_ambient_avg AS condenser_approach,
       temp_room_avg - cold_end AS evaporator_approach,
       -- Of the saturation temperatures, or of those that are measured where the refrigerant is not known.
       cop_carnot(cold_end, hot_end) AS cop_carnot,
       CASE WHEN apart THEN pressure_ratio(p_high, p_low) END AS pressure_ratio,
       hot_end - cold_end AS temp_difference,
       compressor_efficiency + known AS compressor_efficiency,
       isentropic_efficiency,
       volumetric_efficiency(refrigerant, mass_flow, displacement, p_low, t_gas) AS volumetric_efficiency,
       cop_cycle,
       carnot_efficiency(cop_cycle, t_evap, t_cond) AS carnot_efficiency,
       mass_flow, cooling_capacity,
       cooling_capacity / power AS cop_measured
FROM figures
