SELECT machine_id, window_start, window_time, list(power ORDER BY timestamp, kafka_offset)[2] AS second,
       list(machine_id ORDER BY timestamp, kafka_offset)[3] AS third
FROM tumble(INTERVAL 1 MINUTE)
GROUP BY machine_id, window_start, window_time
