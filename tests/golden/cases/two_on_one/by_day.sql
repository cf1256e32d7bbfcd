-- Two streams with different windows on one source; each has its own late readings.
SELECT machine_id, window_start, window_time, count(*) AS n, avg(temp_condenser) AS mean
FROM readings
GROUP BY machine_id, tumble(timestamp, INTERVAL '1 day')
