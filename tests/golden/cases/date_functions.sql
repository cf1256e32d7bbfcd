-- Parts of instants, before 1970 too.
SELECT machine_id, window_time, date_part('year', window_start) AS year, date_part('doy', window_start) AS day,
       date_part('hour', window_end) AS hour, date_part('minute', window_start) AS minute,
       date_trunc('hour', window_start) AS begun, date_part('epoch', window_end) AS seconds,
       CAST(window_start AS DATE) AS day_of, count(*) AS n
FROM readings
GROUP BY machine_id, tumble(timestamp, INTERVAL '1 minute')
