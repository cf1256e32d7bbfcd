-- Three streams, each over the one before: ten seconds, ten minutes, a day.
SELECT machine_id, window_start, window_end, window_time, count(*) AS n, sum(power) AS energy, max(temp_evaporator) AS warmest
FROM readings
GROUP BY machine_id, tumble(timestamp, INTERVAL '10 seconds')
