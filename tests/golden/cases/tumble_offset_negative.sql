-- An offset may be negative, and longer than the window: what counts is where the edges come to lie.
SELECT machine_id, window_start, window_time, count(*) AS n
FROM readings
GROUP BY machine_id, tumble(timestamp, INTERVAL '10 seconds', INTERVAL '-73 seconds')
