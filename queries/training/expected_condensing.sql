-- Training set of the baseline `condensing`: condensing temperature (°C) by ambient and room temperature.
--
-- Table: `features`, as queries/features.sql makes them, of a time in which the machines were healthy: what a machine did while it
-- was ill would be expected of it. A window a minute: those between are nearly copies. The room stands for the load: a warm room boils off more.
SELECT machine_id, window_end,
       temp_condenser_avg,
       temp_ambient_avg, temp_room_avg
FROM features
WHERE operating_mode = 'cooling' AND date_part('second', window_end) = 0
