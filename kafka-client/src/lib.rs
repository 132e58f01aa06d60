//! A small Kafka client for what stream processing needs: connections and group membership

pub mod group;
