-- HAVING over an aggregate that is not selected, and over the window.
SELECT machine_id, window_start, window_time, avg(power) AS power
FROM readings
GROUP BY machine_id, tumble(timestamp, INTERVAL '10 seconds')
HAVING count(*) >= 2 AND max(temp_evaporator) > -20 AND window_start >= TIMESTAMP '1970-01-01T00:00:00Z'
