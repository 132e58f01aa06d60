//! The client against a broker that does, well or badly, what each test tells it to.

mod admin;
mod failures;
mod fetching;
mod lifecycle;
mod offsets;
mod producer;
mod routing;
mod support;
