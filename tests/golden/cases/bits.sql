-- Whole numbers bit by bit.
SELECT machine_id, window_start, window_time, bit_and(door_openings) AS common, bit_or(door_openings) AS any_bit,
       bit_xor(door_openings) AS odd
FROM readings
GROUP BY machine_id, tumble(timestamp, INTERVAL '40 seconds')
