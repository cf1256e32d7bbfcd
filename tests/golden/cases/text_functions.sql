-- Text of several bytes a letter, in keys and in conditions.
SELECT machine_id, substr(machine_id, 1, 3) AS short, character_length(machine_id) AS letters, window_start, window_time,
       max(concat(operating_mode, '/', machine_id)) AS tag, sum(character_length(operating_mode)) AS length,
       max(replace(operating_mode, ' ', '_')) AS word
FROM readings
WHERE machine_id LIKE '%ü%' OR machine_id LIKE 'display-_' OR operating_mode ~ '^door'
GROUP BY machine_id, tumble(timestamp, INTERVAL '1 minute')
