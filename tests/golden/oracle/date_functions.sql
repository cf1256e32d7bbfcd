SELECT machine_id, window_time, CAST(date_part('year', window_start) AS INTEGER) AS year,
       CAST(date_part('doy', window_start) AS INTEGER) AS day,
       CAST(date_part('hour', window_end) AS INTEGER) AS hour, CAST(date_part('minute', window_start) AS INTEGER) AS minute,
       CAST(date_trunc('hour', window_start) AS TIMESTAMP) AS begun, epoch_us(window_end) / 1e6 AS seconds,
       CAST(window_start AS DATE) AS day_of, count(*) AS n
FROM tumble(INTERVAL 1 MINUTE)
GROUP BY machine_id, window_time, window_start, window_end
