-- Two readings of one instant stand in the order in which they came.
SELECT timestamp, machine_id, temp_evaporator - lag(temp_evaporator) OVER w AS step,
       lag(operating_mode, 2, 'none') OVER w AS mode_before,
       sum(power) OVER (PARTITION BY machine_id ORDER BY timestamp, kafka_offset ROWS 4 PRECEDING) AS five,
       first_value(power) OVER (PARTITION BY machine_id ORDER BY timestamp, kafka_offset ROWS BETWEEN 3 PRECEDING AND 1 PRECEDING) AS third,
       last_value(power IGNORE NULLS) OVER (PARTITION BY machine_id ORDER BY timestamp, kafka_offset ROWS BETWEEN 9 PRECEDING AND 1 PRECEDING) AS known,
       nth_value(power, 2) OVER (PARTITION BY machine_id ORDER BY timestamp, kafka_offset ROWS 5 PRECEDING) AS second,
       count(*) FILTER (WHERE defrost) OVER (PARTITION BY machine_id ORDER BY timestamp, kafka_offset ROWS 20 PRECEDING) AS defrosts,
       count(DISTINCT operating_mode) OVER (PARTITION BY machine_id ORDER BY timestamp, kafka_offset ROWS 20 PRECEDING) AS modes
FROM (SELECT * FROM messages WHERE watermark IS NULL OR epoch_us(timestamp) >= watermark)
WINDOW w AS (PARTITION BY machine_id ORDER BY timestamp, kafka_offset)
