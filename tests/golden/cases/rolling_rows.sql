-- Each reading beside the ones before it, in the order of event time.
SELECT timestamp, machine_id, temp_evaporator - lag(temp_evaporator) OVER w AS step,
       lag(operating_mode, 2, 'none') OVER w AS mode_before,
       sum(power) OVER (PARTITION BY machine_id ORDER BY timestamp ROWS 4 PRECEDING) AS five,
       first_value(power) OVER (PARTITION BY machine_id ORDER BY timestamp ROWS BETWEEN 3 PRECEDING AND 1 PRECEDING) AS third,
       last_value(power) IGNORE NULLS OVER (PARTITION BY machine_id ORDER BY timestamp ROWS BETWEEN 9 PRECEDING AND 1 PRECEDING) AS known,
       nth_value(power, 2) OVER (PARTITION BY machine_id ORDER BY timestamp ROWS 5 PRECEDING) AS second,
       count(*) FILTER (WHERE defrost) OVER (PARTITION BY machine_id ORDER BY timestamp ROWS 20 PRECEDING) AS defrosts,
       count(DISTINCT operating_mode) OVER (PARTITION BY machine_id ORDER BY timestamp ROWS 20 PRECEDING) AS modes
FROM readings
WINDOW w AS (PARTITION BY machine_id ORDER BY timestamp)
