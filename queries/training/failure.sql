-- Training set of the models `failure` and `failure_forest`: the probability that a machine is on its way to a failure.
--
-- Tables: `features`, as queries/features.sql makes them (60 s windows every 10 s), and `faults`, the ground
-- truth: machine_id, fault, onset, failure. A machine is sick from `onset` to `failure` (NULL: it still is);
-- at `failure` it is repaired.
--
-- Label: 1 where the window ends while the machine is sick, 0 where it is healthy. A window that straddles the
-- repair is half sick and half healthy: its label is NULL, which leaves it out.
--
-- One window in five minutes: faults grow over hours, and windows that overlap are nearly copies of each other.
--
-- A window in which the machine stands, starts or thaws has no features, and is left out: queries/features.sql.
--
-- Features: only what comes from the sensors that every reading has; a model that wanted the ambient or the discharge
-- temperature would have no answer for machines that do not report them.
WITH touched AS (
    -- A machine may have several faults at once: one row for each window, whatever the number.
    SELECT
        f.machine_id,
        f.window_end,
        max(CASE WHEN x.failure IS NULL OR f.window_end <= x.failure THEN 1 ELSE 0 END) AS sick
    FROM features AS f
    JOIN faults AS x ON f.machine_id = x.machine_id
    WHERE f.window_end >= x.onset AND (x.failure IS NULL OR f.window_start < x.failure)
    GROUP BY f.machine_id, f.window_end
)
SELECT
    f.machine_id,
    f.window_end,
    -- The two ends of the cycle. Their difference is a linear combination of them and adds nothing; the
    -- pressure ratio follows them along a curve that the refrigerant and its charge bend.
    f.temp_evaporator_avg,      -- falls with an iced evaporator, a restriction, late in a leak
    f.temp_condenser_avg,       -- rises with a dirty condenser, a dead fan, overcharge, air in the circuit
    f.pressure_ratio,           -- the compressor's burden: rises with all of these
    -- The charge shows in this pair: subcooling falls first in a leak, superheat rises later.
    f.superheat_avg,
    f.subcooling_avg,
    -- The compressor: current above what the cycle needs is friction; vibration is the bearing.
    f.compressor_current_avg,
    f.vibration_avg,
    -- Unrest: a hunting valve, a flooding evaporator, knocks.
    f.superheat_stddev,
    f.pressure_low_stddev,
    f.vibration_stddev,
    CASE WHEN t.sick IS NULL THEN 0 WHEN t.sick = 1 THEN 1 END AS failure
FROM features AS f
LEFT JOIN touched AS t ON f.machine_id = t.machine_id AND f.window_end = t.window_end
WHERE date_part('epoch', f.window_end) % 300 = 0
