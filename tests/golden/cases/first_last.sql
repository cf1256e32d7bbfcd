-- The first and the last reading of a window by their time, not by their arrival; where two are of one instant, by
-- their offsets.
SELECT machine_id, window_start, window_time,
       first_value(temp_evaporator ORDER BY timestamp, kafka_offset) AS first_t,
       last_value(temp_evaporator ORDER BY timestamp, kafka_offset) AS last_t,
       first_value(operating_mode ORDER BY temp_condenser DESC NULLS LAST, kafka_offset) AS hottest_mode,
       last_value(timestamp ORDER BY timestamp, kafka_offset) AS at
FROM readings
GROUP BY machine_id, hop(timestamp, INTERVAL '30 seconds', INTERVAL '1 minute')
