-- Least and greatest of every type: float, text, switch, counter, instant.
SELECT machine_id, window_start, window_time,
       min(temp_evaporator) AS coldest, max(temp_evaporator) AS warmest,
       min(operating_mode) AS first_mode, max(operating_mode) AS last_mode,
       min(door_openings) AS fewest, max(door_openings) AS most,
       min(timestamp) AS earliest, max(timestamp) AS latest
FROM readings
GROUP BY machine_id, tumble(timestamp, INTERVAL '30 seconds')
