-- Window columns inside expressions, in upper case, and under other names.
SELECT machine_id, WINDOW_START AS s, window_end - window_start AS span, Window_Time, count(*) AS n,
       window_end + INTERVAL '1 hour' AS later
FROM readings
GROUP BY machine_id, TUMBLE(timestamp, INTERVAL '3 minutes')
