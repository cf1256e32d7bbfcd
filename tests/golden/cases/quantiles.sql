-- Exact quantiles.
SELECT machine_id, window_start, window_time, median(temp_evaporator) AS middle,
       percentile_cont(0.75) WITHIN GROUP (ORDER BY power) AS p75, percentile_cont(0.25) WITHIN GROUP (ORDER BY superheat DESC) AS q,
       median(power) FILTER (WHERE power > 1) AS busy
FROM readings
GROUP BY machine_id, hop(timestamp, INTERVAL '25 seconds', INTERVAL '1 minute')
