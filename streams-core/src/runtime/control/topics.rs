use super::tasks::Phase;
use super::{Control, ControlEvent};
use crate::broker::Broker;
use crate::config::ClientRole;
use crate::error::StreamsError;
use crate::membership::Event;
use crate::processor::TopicPartitions;
use crate::runtime::instance::TaskPhase;
use crate::runtime::internal_topics::existing_topics;
use crate::runtime::planning::task_counts;
use crate::runtime::stream_thread::ThreadCommand;
use crate::runtime::threads::{lock, spawn};
use crate::task::input_partitions;
use crate::topology::{NodeKind, SourceTopics, Topology};
use std::sync::Arc;

impl<B: Broker> Control<B> {
    /// Looks whether topics have come or grown: the leader for all, and everybody where sources follow a pattern.
    pub(super) fn refresh_topics(&self) {
        if self.closing.is_some() || !(self.member.is_leader() || has_pattern(&self.instance.topology)) {
            return;
        }
        let (instance, sender) = (Arc::clone(&self.instance), self.sender.clone());
        let work = move || {
            let admin = instance.broker.admin(&instance.config.client_properties(ClientRole::Admin));
            let topics = admin
                .map_err(StreamsError::from)
                .and_then(|admin| existing_topics(&admin, instance.settings.request_timeout));
            match topics {
                Ok(topics) => drop(sender.send(ControlEvent::TopicsSeen(topics))),
                Err(error) => tracing::warn!("cannot look at the topics: {error}"),
            }
        };
        if let Err(error) = spawn("kafka-streams-topics".to_owned(), work) {
            tracing::warn!("{error}");
        }
    }

    pub(super) fn topics_seen(&mut self, topics: &TopicPartitions) {
        let instance = &self.instance;
        let counts = task_counts(&instance.topology, &instance.settings.application_id, topics);
        if self.member.is_leader() && self.planned_counts.as_ref().is_some_and(|planned| *planned != counts) {
            self.planned_counts = Some(counts);
            self.member_event(Event::RequestRejoin {
                reason: "the partitions of the input topics have changed".to_owned(),
            });
        }
        if has_pattern(&self.instance.topology) && self.closing.is_none() {
            self.follow_patterns(topics);
        }
    }

    /// Starts tasks anew that have more to read now: a task's inputs are fixed while it runs. Topics that are gone are told by the consumer.
    pub(super) fn follow_patterns(&mut self, topics: &TopicPartitions) {
        let instance = &self.instance;
        for (&task, entry) in self.tasks.iter_mut().filter(|(_, entry)| entry.phase == Phase::Running) {
            let inputs = input_partitions(&instance.topology, &instance.settings.application_id, task, topics);
            let new = inputs.iter().find(|input| !entry.inputs.contains(&input.partition));
            let Some(new) = new else { continue };
            tracing::info!("task {task} starts anew, since there is {} to read, too", new.partition);
            if self.threads[entry.thread].handle.tell(ThreadCommand::Close(task, true)) {
                entry.phase = Phase::Reopening;
                lock(&instance.tasks).insert(task, TaskPhase::Closing);
            }
        }
        self.publish();
    }
}

/// Whether sources follow a pattern, so that topics that are made later become theirs.
pub(super) fn has_pattern(topology: &Topology) -> bool {
    topology.nodes().iter().any(|node| matches!(&node.kind, NodeKind::Source { topics: SourceTopics::Pattern(_), .. }))
}
