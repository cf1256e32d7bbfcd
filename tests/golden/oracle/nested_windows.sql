WITH tens AS (SELECT machine_id, window_start AS ten, count(*) AS n, avg(temp_evaporator) AS mean
              FROM tumble(INTERVAL 10 SECONDS) GROUP BY machine_id, ten)
SELECT machine_id, time_bucket(INTERVAL 1 MINUTE, ten) AS window_start,
       time_bucket(INTERVAL 1 MINUTE, ten) + INTERVAL 1 MINUTE AS window_end,
       time_bucket(INTERVAL 1 MINUTE, ten) + INTERVAL 1 MINUTE - INTERVAL 1 MICROSECOND AS window_time,
       count(*) AS parts, sum(n) AS n, avg(mean) AS mean, max(mean) AS most
FROM tens GROUP BY machine_id, window_start, window_end, window_time
