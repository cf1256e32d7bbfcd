-- NULL counts as neither on nor off.
SELECT machine_id, window_start, window_time, bool_and(defrost) AS all_on, bool_or(defrost) AS any_on
FROM readings
GROUP BY machine_id, tumble(timestamp, INTERVAL '20 seconds')
