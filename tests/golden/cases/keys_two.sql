-- A second key, which may be NULL: that is a group too.
SELECT machine_id, operating_mode, window_start, window_time, count(*) AS n, avg(power) AS power
FROM readings
GROUP BY machine_id, operating_mode, tumble(timestamp, INTERVAL '1 minute')
