SELECT DISTINCT machine_id, operating_mode, window_start, window_time FROM tumble(INTERVAL 2 MINUTES)
