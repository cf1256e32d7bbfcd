SELECT machine_id, substr(machine_id, 1, 3) AS short, length(machine_id) AS letters, window_start, window_time,
       max(concat(operating_mode, '/', machine_id)) AS tag, sum(length(operating_mode)) AS length,
       max(replace(operating_mode, ' ', '_')) AS word
FROM tumble(INTERVAL 1 MINUTE)
WHERE machine_id LIKE '%ü%' OR machine_id LIKE 'display-_' OR regexp_matches(operating_mode, '^door')
GROUP BY machine_id, window_start, window_time
