SELECT machine_id, window_start AS begins, window_end AS ends, window_time, count(*) AS n
FROM tumble(INTERVAL 1 MINUTE) GROUP BY machine_id, window_start, window_end, window_time
