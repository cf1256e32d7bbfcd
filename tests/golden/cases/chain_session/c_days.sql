-- Windows over sessions: what follows a session sees a watermark that is behind.
SELECT machine_id, window_start, window_end, window_time, count(*) AS runs, sum(n) AS n
FROM b_runs
GROUP BY machine_id, tumble(window_time, INTERVAL '1 day')
