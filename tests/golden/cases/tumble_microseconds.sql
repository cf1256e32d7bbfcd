-- A size that no calendar knows: 1.000003 s. Windows of 1969 end where those of 2024 do, counted from the epoch.
SELECT machine_id, window_start, window_end, window_time, count(*) AS n
FROM readings
GROUP BY machine_id, tumble(timestamp, INTERVAL '1.000003 seconds')
