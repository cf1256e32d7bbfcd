-- Functions of refrigeration around aggregates and inside them, those that need no table of properties.
SELECT machine_id, window_start, window_time,
       cop_carnot(avg(temp_evaporator), avg(temp_condenser)) AS cop,
       carnot_efficiency(2.5, avg(temp_evaporator), avg(temp_condenser)) AS share,
       max(pressure_ratio(pressure_high, pressure_low)) AS ratio,
       pressure_ratio(to_absolute(avg(pressure_high), 'gauge', 500), to_absolute(avg(pressure_low), 'gauge', 500)) AS gauge_ratio
FROM readings
GROUP BY machine_id, hop(timestamp, INTERVAL '20 seconds', INTERVAL '1 minute')
