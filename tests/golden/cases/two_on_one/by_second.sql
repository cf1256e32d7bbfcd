SELECT machine_id, window_start, window_time, count(*) AS n, avg(temp_condenser) AS mean
FROM readings
GROUP BY machine_id, tumble(timestamp, INTERVAL '1 second')
