SELECT machine_id, window_start, window_time,
       first(temp_evaporator ORDER BY timestamp, kafka_offset) AS first_t,
       last(temp_evaporator ORDER BY timestamp, kafka_offset) AS last_t,
       first(operating_mode ORDER BY temp_condenser DESC NULLS LAST, kafka_offset) AS hottest_mode,
       last(timestamp ORDER BY timestamp, kafka_offset) AS at
FROM hop(INTERVAL 30 SECONDS, INTERVAL 1 MINUTE)
GROUP BY machine_id, window_start, window_time
