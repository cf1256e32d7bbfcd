-- A window beside the window before it, in one SELECT.
SELECT machine_id, window_start, window_time, count(*) AS n,
       avg(temp_evaporator) - lag(avg(temp_evaporator)) OVER (PARTITION BY machine_id ORDER BY window_time) AS change,
       max(count(*)) OVER (PARTITION BY machine_id ORDER BY window_time ROWS 5 PRECEDING) AS most
FROM readings
GROUP BY machine_id, tumble(timestamp, INTERVAL '5 seconds')
