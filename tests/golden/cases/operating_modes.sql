-- What machines do, as they say or as their sensors show: `door open` is no mode that anybody knows.
SELECT machine_id, mode, window_start, window_time, count(*) AS readings,
       avg(compressor_current) AS compressor_current, max(timestamp) AS last
FROM (
    SELECT *, operating_mode(operating_mode, compressor_current, power, pressure_high, pressure_low, temp_evaporator, -20) AS mode
    FROM readings
)
GROUP BY machine_id, mode, tumble(timestamp, INTERVAL '30 seconds')
