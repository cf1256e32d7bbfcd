-- What the last minute of each machine was like. Readings of one instant are in each other's minute.
SELECT timestamp, machine_id, avg(temp_evaporator) OVER minute AS mean, stddev(temp_evaporator) OVER minute AS sd,
       min(power) OVER minute AS least, max(power) OVER minute AS most, count(*) OVER minute AS n,
       sum(power) OVER (PARTITION BY machine_id ORDER BY timestamp
                        RANGE BETWEEN INTERVAL '30 seconds' PRECEDING AND INTERVAL '10 seconds' PRECEDING) AS earlier
FROM readings
WINDOW minute AS (PARTITION BY machine_id ORDER BY timestamp RANGE BETWEEN INTERVAL '1 minute' PRECEDING AND CURRENT ROW)
