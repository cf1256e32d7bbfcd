SELECT machine_id, window_start, window_end, window_time, revision, count(*) AS n, avg(temp_evaporator) AS mean
FROM revised(INTERVAL 10 SECONDS, INTERVAL 10 SECONDS, INTERVAL 5 MINUTES)
GROUP BY machine_id, window_start, window_end, window_time, revision, edition
HAVING bool_or(fresh)
