-- duplicates: drop
-- A reading of the same machine and instant as one before is left out, whatever its values.
SELECT machine_id, window_start, window_time, count(*) AS n, sum(power) AS power
FROM readings
GROUP BY machine_id, tumble(timestamp, INTERVAL '30 seconds')
