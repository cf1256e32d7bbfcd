//! Calls whose results are known.
