SELECT timestamp, machine_id, temp_evaporator + 273.15 AS kelvin, power FROM messages WHERE temp_evaporator > -11
