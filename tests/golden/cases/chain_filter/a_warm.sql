-- A stream without a window, one with a window over it, and one without over that. What is late, is late for the window.
SELECT timestamp, machine_id, temp_evaporator + 273.15 AS kelvin, power
FROM readings
WHERE temp_evaporator > -11
