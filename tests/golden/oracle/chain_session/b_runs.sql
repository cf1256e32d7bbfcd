-- Rows of a stream come in the order of their time and are never late, so sessions are plain islands.
WITH marked AS (
    SELECT *, window_time - lag(window_time) OVER w > INTERVAL 20 SECONDS AS begins
    FROM a_tens WHERE power > 1 WINDOW w AS (PARTITION BY machine_id ORDER BY window_time)),
numbered AS (SELECT *, sum(coalesce(begins, true)::INTEGER) OVER (PARTITION BY machine_id ORDER BY window_time) AS island FROM marked)
SELECT machine_id, min(window_time) AS window_start, max(window_time) + INTERVAL 20 SECONDS AS window_end,
       max(window_time) + INTERVAL 20 SECONDS - INTERVAL 1 MICROSECOND AS window_time,
       count(*) AS tens, sum(n) AS n, max(power) AS power
FROM numbered GROUP BY machine_id, island
