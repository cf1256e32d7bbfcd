SELECT machine_id, window_start, window_start + INTERVAL 10 SECONDS - INTERVAL 1 MICROSECOND AS window_time,
       count(*) AS n, max(step) AS step, avg(mean) AS mean
FROM (SELECT *, make_timestamp(newest_start(epoch_us(timestamp), 10000000, 0)) AS window_start FROM a_steps)
GROUP BY machine_id, window_start
