-- The size is no multiple of the slide: panes of one second, windows of 60 every 7.
SELECT machine_id, window_start, window_end, window_time, count(*) AS n, sum(pressure_low) AS low,
       regr_slope(pressure_high, date_part('epoch', timestamp)) AS slope
FROM readings
GROUP BY machine_id, hop(timestamp, INTERVAL '7 seconds', INTERVAL '60 seconds')
