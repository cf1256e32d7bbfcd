-- All values of a window, in the order asked for, and as they came.
SELECT machine_id, window_start, window_time,
       array_agg(door_openings ORDER BY timestamp, kafka_offset) AS openings,
       string_agg(operating_mode, ', ' ORDER BY timestamp DESC, kafka_offset DESC) AS modes,
       array_agg(power) AS powers
FROM readings
GROUP BY machine_id, tumble(timestamp, INTERVAL '30 seconds')
