-- max_delay: 2s
-- Which readings are late for a rolling function: all that are older than the watermark when they come.
SELECT timestamp, machine_id, kafka_partition, kafka_offset,
       count(power) OVER (PARTITION BY machine_id ORDER BY timestamp ROWS 9 PRECEDING) AS n
FROM readings
