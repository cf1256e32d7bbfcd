-- Probability that the machine is on its way to a failure, for every window of features.
--
-- NULL where a feature of the model is NULL: what cannot be known is not guessed.
SELECT machine_id, window_start, window_end, window_time,
       score('failure') AS probability,
       'failure' AS model,
       model_version('failure') AS model_version
FROM features
