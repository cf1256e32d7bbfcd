SELECT machine_id, window_start, window_end, window_time, count(*) AS n, avg(kelvin) AS kelvin, sum(power) AS power
FROM a_warm
GROUP BY machine_id, tumble(timestamp, INTERVAL '30 seconds')
