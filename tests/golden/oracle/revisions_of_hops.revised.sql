SELECT machine_id, window_start, window_end, window_time, revision, count(*) AS n, sum(power) AS power, max(superheat) AS most
FROM revised(INTERVAL 10 SECONDS, INTERVAL 30 SECONDS, INTERVAL 70 SECONDS)
GROUP BY machine_id, window_start, window_end, window_time, revision, edition
HAVING bool_or(fresh)
