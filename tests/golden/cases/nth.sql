-- The second and the third reading of a window.
SELECT machine_id, window_start, window_time, nth_value(power, 2 ORDER BY timestamp, kafka_offset) AS second,
       nth_value(machine_id, 3 ORDER BY timestamp, kafka_offset) AS third
FROM readings
GROUP BY machine_id, tumble(timestamp, INTERVAL '1 minute')
