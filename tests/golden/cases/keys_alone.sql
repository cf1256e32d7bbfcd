-- A grouping without aggregates: which modes a machine was in.
SELECT machine_id, operating_mode, window_start, window_time
FROM readings
GROUP BY machine_id, operating_mode, tumble(timestamp, INTERVAL '2 minutes')
