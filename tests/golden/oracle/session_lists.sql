SELECT machine_id, window_start, window_end, window_time, string_agg(operating_mode, '>' ORDER BY timestamp, kafka_offset) AS path,
       count(DISTINCT operating_mode) AS modes, first(power ORDER BY timestamp, kafka_offset) AS first_power,
       median(temp_evaporator) AS middle, max(power) FILTER (WHERE defrost) AS defrost_power
FROM session(INTERVAL 12 SECONDS)
GROUP BY machine_id, window_start, window_end, window_time
