-- A query in FROM below the window and one above it.
SELECT machine_id, window_end, window_time, spread, spread > 3 AS wide
FROM (SELECT w.machine_id, window_end, window_time, max(w.t) - min(w.t) AS spread
      FROM (SELECT machine_id, timestamp, temp_evaporator + 273.15 AS t FROM readings WHERE temp_evaporator IS NOT NULL) w
      GROUP BY w.machine_id, tumble(w.timestamp, INTERVAL '30 seconds')) AS s
WHERE spread > 0
