-- Properties of refrigerants, by a constant and by a column, around windows, inside them and behind a rolling function.
SELECT machine_id, window_start, window_time, fluid,
       t_sat('R134a', avg(pressure_low)) AS t_evap,
       t_sat(fluid, avg(pressure_high), 'bubble') AS t_bubble,
       avg(superheat(fluid, pressure_low, temp_evaporator + 8)) AS superheat,
       cop_cycle(fluid, avg(temp_evaporator), avg(temp_condenser), avg(superheat), 4, 0.65) AS cop,
       isentropic_efficiency(fluid, avg(pressure_low), 5, avg(pressure_high), 75) AS efficiency,
       t_sat('R134a', avg(pressure_low)) - lag(t_sat('R134a', avg(pressure_low)))
           OVER (PARTITION BY machine_id ORDER BY window_time) AS change
FROM (
    SELECT *, CASE machine_id WHEN 'freezer' THEN 'R449A' WHEN '42' THEN 'R134a' ELSE 'R12' END AS fluid FROM readings
)
GROUP BY machine_id, fluid, tumble(timestamp, INTERVAL '1 minute')
