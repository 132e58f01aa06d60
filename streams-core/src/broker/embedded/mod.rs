//! A broker in process and in memory.
