SELECT * EXCLUDE (watermark), 'late' AS stream, make_timestamp(watermark) AS watermark
FROM messages
-- The last window that holds the reading was over.
WHERE newest_start(epoch_us(timestamp), 2000000, 0) + 6000000 <= watermark
