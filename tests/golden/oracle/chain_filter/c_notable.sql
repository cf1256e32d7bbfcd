SELECT machine_id, window_time, kelvin - 273.15 AS celsius, power / n AS power FROM b_means WHERE n >= 3 AND power IS NOT NULL
