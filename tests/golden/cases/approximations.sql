-- Sketches are no less exact in being the same: how readings came in batches does not show in them.
SELECT machine_id, window_start, window_time, approx_distinct(operating_mode) AS modes,
       approx_percentile_cont(0.5) WITHIN GROUP (ORDER BY temp_condenser) AS middle,
       approx_percentile_cont(0.95) WITHIN GROUP (ORDER BY power) AS p95, approx_median(superheat) AS superheat
FROM readings
GROUP BY machine_id, hop(timestamp, INTERVAL '30 seconds', INTERVAL '2 minutes')
