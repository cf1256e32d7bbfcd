WITH first AS (SELECT machine_id, timestamp, min(kafka_offset) AS kafka_offset FROM messages GROUP BY machine_id, timestamp)
SELECT machine_id, window_start, window_time, count(*) AS n, sum(power) AS power
FROM tumble(INTERVAL 30 SECONDS) SEMI JOIN first USING (machine_id, timestamp, kafka_offset)
GROUP BY machine_id, window_start, window_time
