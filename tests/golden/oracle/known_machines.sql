SELECT r.timestamp, r.machine_id, m.machine_id AS same, m.known, m.site, m.refrigerant, m.application, m.altitude,
       r.compressor_current / m.rated_current AS load, r.kafka_partition, r.kafka_offset
FROM messages r JOIN machines m ON r.machine_id = m.machine_id
WHERE NOT m.known OR m.refrigerant IS NULL OR r.compressor_current < m.rated_current
