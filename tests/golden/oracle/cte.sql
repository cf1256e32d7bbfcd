SELECT machine_id, window_start, window_time, count(*) AS n, avg(compressor_current) AS current,
       avg(compressor_current) * 230 / 1000 AS kilowatts
FROM tumble(INTERVAL 1 MINUTE) WHERE compressor_current > 5
GROUP BY machine_id, window_start, window_time HAVING count(*) > 1
