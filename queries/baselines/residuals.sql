-- How far each machine is from what it should show: measured less expected, for every window in which it was settled.
--
-- To be copied into the folder of the queries once there are baselines: before a machine's past was learned nothing is expected.
-- Expected is what this machine showed, while it was healthy, under the same conditions: `expected('…')`, from
-- models/expected_*.json, which queries/training/expected_*.sql teach (docs/features.md says how). `_residual` is in the unit of what is measured (K, A, none);
-- `_deviation` is the residual by its usual size for this machine: beyond 3 something has changed, beyond 5 it has for sure.
--
-- By sign (the rest is in docs/features.md):
--   condensing  up    dirty or blocked condenser, dead fan, air in the circuit, overcharge      down  leak, leaking valves
--   evaporating down  ice, dead evaporator fan, restriction, leak                               up    leaking valves, floodback
--   current     up    friction, bearing                                                         down  leaking valves
--   cop         down  all of them, and what it costs
--
-- NULL for a machine without baseline, for a window without features, and for conditions that the training never saw (a summer
-- hotter than any): an expectation is not stretched.
SELECT machine_id, window_start, window_end, window_time, revision,
       operating_mode, temp_ambient_avg, temp_room_avg,
       condensing_expected,
       temp_condenser_avg - condensing_expected AS condensing_residual,
       (temp_condenser_avg - condensing_expected) / condensing_error AS condensing_deviation,
       evaporating_expected,
       temp_evaporator_avg - evaporating_expected AS evaporating_residual,
       (temp_evaporator_avg - evaporating_expected) / evaporating_error AS evaporating_deviation,
       current_expected,
       compressor_current_avg - current_expected AS current_residual,
       (compressor_current_avg - current_expected) / current_error AS current_deviation,
       cop_expected,
       cop_cycle - cop_expected AS cop_residual,
       (cop_cycle - cop_expected) / cop_error AS cop_deviation
FROM (
    SELECT *,
           expected('condensing') AS condensing_expected, expected_error('condensing') AS condensing_error,
           expected('evaporating') AS evaporating_expected, expected_error('evaporating') AS evaporating_error,
           expected('current') AS current_expected, expected_error('current') AS current_error,
           expected('cop') AS cop_expected, expected_error('cop') AS cop_error
    FROM features
)
