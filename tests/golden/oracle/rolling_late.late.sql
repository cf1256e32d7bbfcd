SELECT * EXCLUDE (watermark), 'rolling_late' AS stream, make_timestamp(watermark) AS watermark
FROM messages WHERE epoch_us(timestamp) < watermark
