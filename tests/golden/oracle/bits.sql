SELECT machine_id, window_start, window_time, bit_and(door_openings) AS common, bit_or(door_openings) AS any_bit,
       bit_xor(door_openings) AS odd
FROM tumble(INTERVAL 40 SECONDS)
GROUP BY machine_id, window_start, window_time
