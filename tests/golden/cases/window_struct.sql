-- The window as one value, and its parts taken from it.
SELECT machine_id, w['window_start'] AS begins, get_field(w, 'window_end') AS ends, w['window_time'] AS window_time, n
FROM (SELECT machine_id, tumble(timestamp, INTERVAL '1 minute') AS w, count(*) AS n
      FROM readings GROUP BY machine_id, tumble(timestamp, INTERVAL '1 minute'))
