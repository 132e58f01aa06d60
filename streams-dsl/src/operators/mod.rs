//! The nodes that the steps of streams and tables become, one per file.

pub(crate) mod cogroup;
pub(crate) mod kgroupedstream;
pub(crate) mod kgroupedtable;
pub(crate) mod kstream;
pub(crate) mod ktable;
pub(crate) mod windowed;

#[cfg(test)]
pub(crate) mod testing;
