-- No window: each reading by itself, late or not. Only what is no reading is missing.
SELECT timestamp, machine_id, temp_condenser - temp_evaporator AS lift, operating_mode IS DISTINCT FROM 'normal' AS unusual,
       coalesce(power, 0.0) * 1000 AS watts
FROM readings
WHERE temp_condenser - temp_evaporator > 45 OR temp_evaporator IS NULL
