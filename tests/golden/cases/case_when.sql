-- CASE inside an aggregate and around one.
SELECT machine_id, window_start, window_time,
       sum(CASE WHEN operating_mode = 'defrost' THEN 1 ELSE 0 END) AS defrosting,
       avg(CASE WHEN defrost THEN temp_evaporator END) AS defrost_temperature,
       CASE WHEN avg(superheat) < 5 THEN 'low' WHEN avg(superheat) > 9 THEN 'high' WHEN avg(superheat) IS NULL THEN 'unknown'
            ELSE 'normal' END AS superheat_class
FROM readings
GROUP BY machine_id, tumble(timestamp, INTERVAL '30 seconds')
