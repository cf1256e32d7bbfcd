-- Training set of the baseline `current`: compressor current (A) by its two temperatures.
--
-- Table: `features`, as queries/features.sql makes them, of a time in which the machines were healthy: what a machine did while it
-- was ill would be expected of it. A window a minute: those between are nearly copies. Not by ambient and room: as
-- in the polynomials of compressor makers (AHRI 540, EN 12900), so that a dirty condenser, which makes any compressor draw more, is
-- not taken for a fault of the compressor.
SELECT machine_id, window_end,
       compressor_current_avg,
       temp_evaporator_avg, temp_condenser_avg
FROM features
WHERE operating_mode = 'cooling' AND date_part('second', window_end) = 0
