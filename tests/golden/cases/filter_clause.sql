-- FILTER: an aggregate over part of the rows; the window exists for all of them.
SELECT machine_id, window_start, window_time, count(*) AS n, count(*) FILTER (WHERE defrost) AS defrosting,
       avg(temp_evaporator) FILTER (WHERE operating_mode = 'normal') AS normal, max(power) FILTER (WHERE power < 1) AS low,
       stddev(superheat) FILTER (WHERE superheat > 4) AS sd, count(DISTINCT door_openings) FILTER (WHERE NOT defrost) AS openings
FROM readings
GROUP BY machine_id, hop(timestamp, INTERVAL '20 seconds', INTERVAL '1 minute')
