-- Rolled readings, windows over them, rolling functions over the windows, and windows again.
SELECT timestamp, machine_id, power - lag(power) OVER (PARTITION BY machine_id ORDER BY timestamp) AS step,
       avg(power) OVER (PARTITION BY machine_id ORDER BY timestamp RANGE INTERVAL '20 seconds' PRECEDING) AS mean
FROM readings
