-- allowed_lateness: 5m
-- Windows are given when the watermark passes them, and again with a higher revision when late readings came.
SELECT machine_id, window_start, window_end, window_time, revision, count(*) AS n, avg(temp_evaporator) AS mean
FROM readings
GROUP BY machine_id, tumble(timestamp, INTERVAL '10 seconds')
