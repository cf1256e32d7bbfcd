//! What happens to a consumer group: partitions move, come, vanish and lose messages.
