SELECT timestamp, machine_id, kafka_partition, kafka_offset,
       count(power) OVER (PARTITION BY machine_id ORDER BY timestamp, kafka_offset ROWS 9 PRECEDING) AS n
FROM (SELECT * FROM messages WHERE watermark IS NULL OR epoch_us(timestamp) >= watermark)
