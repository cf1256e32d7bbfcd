//! The worker in a world that fails.
