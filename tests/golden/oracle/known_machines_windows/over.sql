SELECT l.machine_id, l.window_time, l.n, m.refrigerant, l.load / l.n AS mean, m.known AND l.rated > 7 AS strong
FROM load l JOIN machines m USING (machine_id)
WHERE l.site <> 'Süd'
