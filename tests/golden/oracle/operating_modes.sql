WITH signs AS (
    SELECT *, coalesce(abs(compressor_current) >= 0.5, abs(power) >= 0.05, pressure_high - pressure_low >= 1) AS runs,
           coalesce(temp_evaporator > 0, false) AS heated
    FROM tumble(INTERVAL 30 SECONDS)
),
modes AS (
    SELECT *, CASE WHEN operating_mode = 'normal' THEN 'cooling'
                   WHEN operating_mode IN ('defrost', 'standby') THEN operating_mode
                   WHEN runs IS NULL THEN NULL
                   WHEN heated THEN 'defrost'
                   WHEN runs THEN 'cooling' ELSE 'off' END AS mode
    FROM signs
)
SELECT machine_id, mode, window_start, window_time, count(*) AS readings,
       avg(compressor_current) AS compressor_current, max(timestamp) AS last
FROM modes
GROUP BY machine_id, mode, window_start, window_time
