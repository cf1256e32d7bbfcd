-- Order, DISTINCT and FILTER in sessions, which late readings join out of order.
SELECT machine_id, window_start, window_end, window_time, string_agg(operating_mode, '>' ORDER BY timestamp, kafka_offset) AS path,
       count(DISTINCT operating_mode) AS modes, first_value(power ORDER BY timestamp, kafka_offset) AS first_power,
       median(temp_evaporator) AS middle, max(power) FILTER (WHERE defrost) AS defrost_power
FROM readings
GROUP BY machine_id, session(timestamp, INTERVAL '12 seconds')
