SELECT machine_id, window_start, window_time, bool_and(defrost) AS all_on, bool_or(defrost) AS any_on
FROM tumble(INTERVAL 20 SECONDS)
GROUP BY machine_id, window_start, window_time
