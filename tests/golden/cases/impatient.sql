-- max_delay: 1ms
-- Without patience every reading out of order across an edge is late.
SELECT machine_id, window_start, window_end, window_time, count(*) AS n, sum(power) AS power
FROM readings
GROUP BY machine_id, hop(timestamp, INTERVAL '3 seconds', INTERVAL '9 seconds')
