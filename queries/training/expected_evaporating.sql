-- Training set of the baseline `evaporating`: evaporating temperature (°C) by ambient and room temperature.
--
-- Table: `features`, as queries/features.sql makes them, of a time in which the machines were healthy: what a machine did while it
-- was ill would be expected of it. A window a minute: those between are nearly copies.
SELECT machine_id, window_end,
       temp_evaporator_avg,
       temp_ambient_avg, temp_room_avg
FROM features
WHERE operating_mode = 'cooling' AND date_part('second', window_end) = 0
