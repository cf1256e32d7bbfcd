SELECT machine_id, window_start, window_time,
       list(door_openings ORDER BY timestamp, kafka_offset) AS openings,
       string_agg(operating_mode, ', ' ORDER BY timestamp DESC, kafka_offset DESC) AS modes,
       list(power ORDER BY kafka_offset) AS powers
FROM tumble(INTERVAL 30 SECONDS)
GROUP BY machine_id, window_start, window_time
