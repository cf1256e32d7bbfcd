-- The slide is longer than the window: what falls between two windows is in none, and is not late either.
SELECT machine_id, window_start, window_end, window_time, count(*) AS n, sum(power) AS power
FROM readings
GROUP BY machine_id, hop(timestamp, INTERVAL '15 seconds', INTERVAL '4 seconds')
