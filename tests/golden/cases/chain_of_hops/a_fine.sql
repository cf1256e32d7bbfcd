-- Windows that overlap over windows that overlap: every reading is counted in many.
SELECT machine_id, window_start, window_end, window_time, count(*) AS n, avg(superheat) AS superheat
FROM readings
GROUP BY machine_id, hop(timestamp, INTERVAL '5 seconds', INTERVAL '20 seconds')
