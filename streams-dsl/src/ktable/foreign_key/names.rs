use crate::graph::{EndNames, Handle};

/// The names of all that a join consists of, numbered in the order in which Kafka Streams numbers them.
pub(super) struct Names {
    pub registration_topic: String,
    pub send: String,
    registration_ends: [String; 2],
    pub store: String,
    pub receive: String,
    pub join: String,
    pub foreign_table: String,
    pub response_topic: String,
    response_ends: [String; 2],
    pub resolve: String,
    pub result: String,
}

impl Names {
    /// Generated ones, or those that begin with the user's.
    pub(super) fn new(handle: &Handle, given: Option<&str>) -> Self {
        let name = |suffix: &str, part: &str| {
            let generated = handle.graph().new_name(&format!("KTABLE-{part}-"));
            given.map_or(generated, |given| format!("{given}{suffix}"))
        };
        // Fields are made in the order in which they are written here.
        Self {
            registration_topic: name("-subscription-registration", "FK-JOIN-SUBSCRIPTION-REGISTRATION") + "-topic",
            send: name("-subscription-registration-processor", "FK-JOIN-SUBSCRIPTION-REGISTRATION"),
            registration_ends: [
                name("-subscription-registration-sink", "SINK"),
                name("-subscription-registration-source", "SOURCE"),
            ],
            store: name("-subscription-store", "FK-JOIN-SUBSCRIPTION-STATE-STORE"),
            receive: name("-subscription-receive", "FK-JOIN-SUBSCRIPTION-PROCESSOR"),
            join: name("-subscription-join-foreign", "FK-JOIN-SUBSCRIPTION-PROCESSOR"),
            foreign_table: name("-foreign-join-subscription", "FK-JOIN-SUBSCRIPTION-PROCESSOR"),
            response_topic: name("-subscription-response", "FK-JOIN-SUBSCRIPTION-RESPONSE") + "-topic",
            response_ends: [
                name("-subscription-response-sink", "SINK"),
                name("-subscription-response-source", "SOURCE"),
            ],
            resolve: name("-subscription-response-resolver", "FK-JOIN-SUBSCRIPTION-RESPONSE-RESOLVER-PROCESSOR"),
            result: name("-result", "FK-JOIN-OUTPUT"),
        }
    }

    /// Of the nodes around the topic of subscriptions.
    pub(super) fn registration_ends(&self) -> EndNames {
        EndNames::OfStep(self.registration_ends.clone())
    }

    /// Of the nodes around the topic of responses.
    pub(super) fn response_ends(&self) -> EndNames {
        EndNames::OfStep(self.response_ends.clone())
    }
}
