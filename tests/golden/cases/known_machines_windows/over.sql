-- And once more behind the window, over the stream of it.
SELECT l.machine_id, l.window_time, l.n, m.refrigerant, l.load / l.n AS mean, m.known AND l.rated > 7 AS strong
FROM load l INNER JOIN machines m ON m.machine_id = l.machine_id
WHERE l.site <> 'Süd'
