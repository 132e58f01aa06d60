use kafka_client::group::{GroupError, Reply};
use std::fmt;

/// Answers that are given once no lock is held.
#[derive(Default)]
pub(in super::super) struct Outbox {
    answers: Vec<Box<dyn FnOnce() + Send>>,
}

impl Outbox {
    pub(super) fn answer<T: Send + 'static>(&mut self, reply: Reply<T>, result: Result<T, GroupError>) {
        self.answers.push(Box::new(move || reply(result)));
    }

    /// Gives all answers, in order.
    pub(in super::super) fn send(self) {
        for answer in self.answers {
            answer();
        }
    }
}

impl fmt::Debug for Outbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Outbox of {} answers", self.answers.len())
    }
}
