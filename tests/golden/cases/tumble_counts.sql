-- The plainest window: how many readings a machine sent in each ten seconds, and how many had a value.
SELECT machine_id, window_start, window_end, window_time,
       count(*) AS readings, count(temp_evaporator) AS temperatures, count(fan_speed) AS fans
FROM readings
GROUP BY machine_id, tumble(timestamp, INTERVAL '10 seconds')
