//! The producer and the consumer while the network, a broker or a cluster fails: nothing is lost, doubled or out of order.
//!
//! Faults are drawn by chance from the seed `FAULT_SEED`; `FAULT_RECORDS` and `FAULT_RESTARTS` make runs longer. Brokers are started by
//! `./dev`.

mod brokers;
mod chance;
mod cluster;
mod faults;
mod forgotten;
mod frames;
mod load;
mod network;
mod proxy;
mod restarts;
mod transfers;
