-- Common table expressions are names for parts of the query.
WITH running AS (SELECT * FROM readings WHERE compressor_current > 5),
     minutes AS (
         SELECT machine_id, window_start, window_end, window_time, count(*) AS n, avg(compressor_current) AS current
         FROM running GROUP BY machine_id, tumble(timestamp, INTERVAL '1 minute'))
SELECT machine_id, window_start, window_time, n, current, current * 230 / 1000 AS kilowatts FROM minutes WHERE n > 1
