-- What is known of a machine, inside a window and as a key of it.
SELECT r.machine_id, m.site, window_start, window_end, window_time, count(*) AS n,
       sum(r.compressor_current / m.rated_current) AS load, max(m.rated_current) AS rated
FROM readings r JOIN machines AS m USING (machine_id)
WHERE m.application IS DISTINCT FROM 'high'
GROUP BY r.machine_id, m.site, hop(r.timestamp, INTERVAL '20 seconds', INTERVAL '1 minute')
