-- Ten seconds, and sessions of the tens in which the machine drew power.
SELECT machine_id, window_start, window_end, window_time, max(power) AS power, count(*) AS n
FROM readings
GROUP BY machine_id, tumble(timestamp, INTERVAL '10 seconds')
