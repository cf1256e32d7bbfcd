SELECT r.machine_id, m.site, window_start, window_end, window_time, count(*) AS n,
       sum(r.compressor_current / m.rated_current) AS load, max(m.rated_current) AS rated
FROM hop(INTERVAL 20 SECONDS, INTERVAL 1 MINUTE) r JOIN machines m USING (machine_id)
WHERE m.application IS DISTINCT FROM 'high'
GROUP BY ALL
