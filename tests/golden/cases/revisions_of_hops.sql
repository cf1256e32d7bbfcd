-- allowed_lateness: 70s
-- max_delay: 1s
-- Overlapping windows: some of those that hold a late reading are open, some are given again, some are over.
SELECT machine_id, window_start, window_end, window_time, revision, count(*) AS n, sum(power) AS power, max(superheat) AS most
FROM readings
GROUP BY machine_id, hop(timestamp, INTERVAL '10 seconds', INTERVAL '30 seconds')
