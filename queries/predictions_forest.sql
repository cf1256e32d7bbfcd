-- Probability that the machine is on its way to a failure, for every window of features, by the random forest
-- `failure_forest`: a second opinion beside queries/predictions.sql, on the same features.
--
-- NULL where a feature of the model is NULL: what cannot be known is not guessed.
SELECT machine_id, window_start, window_end, window_time, revision,
       probability,
       CASE WHEN probability >= 0.5 THEN 'failure' WHEN probability < 0.5 THEN 'normal' END AS predicted_class,
       'failure_forest' AS model,
       model_version('failure_forest') AS model_version
FROM (
    SELECT machine_id, window_start, window_end, window_time, revision, score('failure_forest') AS probability FROM features
)
