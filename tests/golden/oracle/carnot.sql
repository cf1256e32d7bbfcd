WITH air AS (SELECT 1.01325 * pow(1 - 2.25577e-5 * 500, 5.25588) AS p),
means AS (
    SELECT machine_id, window_start, window_time, avg(temp_evaporator) AS te, avg(temp_condenser) AS tc,
           max(CASE WHEN pressure_high > 0 AND pressure_low > 0 THEN pressure_high / pressure_low END) AS ratio,
           avg(pressure_high) + (SELECT p FROM air) AS high, avg(pressure_low) + (SELECT p FROM air) AS low
    FROM hop(INTERVAL 20 SECONDS, INTERVAL 1 MINUTE)
    GROUP BY machine_id, window_start, window_time
)
SELECT machine_id, window_start, window_time,
       CASE WHEN tc > te THEN (te + 273.15) / (tc - te) END AS cop,
       CASE WHEN tc > te THEN 2.5 * (tc - te) / (te + 273.15) END AS share,
       ratio, high / low AS gauge_ratio
FROM means
