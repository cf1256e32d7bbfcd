SELECT machine_id, window_start, window_start + INTERVAL 1 DAY - INTERVAL 1 MICROSECOND AS window_time,
       max(change) AS change, sum(n)::BIGINT AS n
FROM (SELECT *, make_timestamp(newest_start(epoch_us(window_time), 86400000000, 0)) AS window_start FROM c_trend)
GROUP BY machine_id, window_start
