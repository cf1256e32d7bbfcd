-- Windows over windows in one query: ten seconds, then a minute of them. The mean of means is not the mean.
SELECT machine_id, window_start, window_end, window_time, count(*) AS parts, sum(n) AS n, avg(mean) AS mean, max(mean) AS most
FROM (SELECT machine_id, window_time AS at, count(*) AS n, avg(temp_evaporator) AS mean
      FROM readings GROUP BY machine_id, tumble(timestamp, INTERVAL '10 seconds')) AS tens (machine_id, window_time, n, mean)
GROUP BY machine_id, tumble(window_time, INTERVAL '1 minute')
