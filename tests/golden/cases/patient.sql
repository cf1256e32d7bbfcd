-- max_delay: 2m
-- With two minutes of patience fewer readings are late, and windows fire later but with more in them.
SELECT machine_id, window_start, window_end, window_time, count(*) AS n, avg(temp_condenser) AS mean
FROM readings
GROUP BY machine_id, tumble(timestamp, INTERVAL '10 seconds')
