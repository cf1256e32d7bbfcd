SELECT timestamp, machine_id, power - lag(power) OVER (PARTITION BY machine_id ORDER BY timestamp, kafka_offset) AS step,
       avg(power) OVER (PARTITION BY machine_id ORDER BY timestamp RANGE INTERVAL 20 SECONDS PRECEDING) AS mean
FROM (SELECT * FROM messages WHERE watermark IS NULL OR epoch_us(timestamp) >= watermark)
