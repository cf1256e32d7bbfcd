SELECT timestamp, machine_id, avg(temp_evaporator) OVER minute AS mean, stddev(temp_evaporator) OVER minute AS sd,
       min(power) OVER minute AS least, max(power) OVER minute AS most, count(*) OVER minute AS n,
       sum(power) OVER (PARTITION BY machine_id ORDER BY timestamp
                        RANGE BETWEEN INTERVAL 30 SECONDS PRECEDING AND INTERVAL 10 SECONDS PRECEDING) AS earlier
FROM (SELECT * FROM messages WHERE watermark IS NULL OR epoch_us(timestamp) >= watermark)
WINDOW minute AS (PARTITION BY machine_id ORDER BY timestamp RANGE BETWEEN INTERVAL 1 MINUTE PRECEDING AND CURRENT ROW)
