SELECT machine_id, window_start, window_time, count(*) AS n, count(*) FILTER (WHERE defrost) AS defrosting,
       avg(temp_evaporator) FILTER (WHERE operating_mode = 'normal') AS normal, max(power) FILTER (WHERE power < 1) AS low,
       stddev_samp(superheat) FILTER (WHERE superheat > 4) AS sd, count(DISTINCT door_openings) FILTER (WHERE NOT defrost) AS openings
FROM hop(INTERVAL 20 SECONDS, INTERVAL 1 MINUTE)
GROUP BY machine_id, window_start, window_time
