use super::*;
use crate::topology::{FlowType, NodeFactory, RepartitionTopic, SourceTopics, TopologyBuilder};
use std::sync::Arc;

/// A topology of inputs that are joined: each is a topic that is read, or one that is repartitioned first, with a number of partitions or none.
struct Joined {
    builder: TopologyBuilder,
    sides: Vec<String>,
}

impl Joined {
    fn new() -> Self {
        Self { builder: TopologyBuilder::new(), sides: Vec::new() }
    }

    fn add(&mut self, name: &str, kind: NodeKind, parents: &[&str]) {
        let factory: NodeFactory = Arc::new(|_, _| Err(StreamsError::Topology("is not built".to_owned())));
        let flow = Some(FlowType::of::<u8, u8>());
        let output = flow.filter(|_| !matches!(kind, NodeKind::Sink { .. }));
        self.builder.add_node(name, kind, parents, flow, output, factory).unwrap();
    }

    fn source(&mut self, topic: &str) -> String {
        let name = format!("source-of-{topic}");
        let topics = SourceTopics::Names(vec![topic.to_owned()]);
        self.add(&name, NodeKind::Source { topics, reset: None }, &[]);
        name
    }

    fn topic(mut self, topic: &str) -> Self {
        let source = self.source(topic);
        self.sides.push(source);
        self
    }

    fn repartitioned(mut self, topic: &str, partitions: Option<i32>) -> Self {
        let source = self.source(topic);
        let name = format!("{topic}-repartition");
        self.add(&format!("sink-to-{name}"), NodeKind::Sink { topic: Some(name.clone()) }, &[&source]);
        self.builder.add_repartition_topic(RepartitionTopic { name: name.clone(), partitions });
        self.topic(&name)
    }

    fn counts(mut self, topics: &[(&str, i32)]) -> Result<Vec<(String, i32)>, StreamsError> {
        let sides = std::mem::take(&mut self.sides);
        let sides: Vec<&str> = sides.iter().map(String::as_str).collect();
        self.add("join", NodeKind::Processor, &sides);
        self.builder.add_copartition(&sides, "join").unwrap();
        let mut known = TopicPartitions::default();
        topics.iter().for_each(|&(topic, count)| known.set(topic, count));
        repartition_counts(&self.builder.build().unwrap(), "app", &known)
    }
}

fn names(counts: Result<Vec<(String, i32)>, StreamsError>) -> Vec<(String, i32)> {
    counts.unwrap()
}

fn count(name: &str, count: i32) -> (String, i32) {
    (format!("app-{name}-repartition"), count)
}

#[test]
fn joined_topics_of_different_counts_are_refused_by_name() {
    let error = Joined::new().topic("orders").topic("customers").counts(&[("orders", 2), ("customers", 3)]);
    let message = error.unwrap_err().to_string();
    for part in ["joined by join", "orders has 2 (orders → join)", "customers has 3 (customers → join)"] {
        assert!(message.contains(part), "{message}");
    }
    let equal = Joined::new().topic("orders").topic("customers").counts(&[("orders", 3), ("customers", 3)]);
    assert_eq!(names(equal), []);
}

#[test]
fn a_repartition_topic_takes_the_count_of_what_it_is_joined_with() {
    let topics = [("orders", 2), ("customers", 5)];
    let more = Joined::new().repartitioned("orders", None).topic("customers").counts(&topics);
    assert_eq!(names(more), [count("orders", 5)]);
    let fewer = Joined::new().topic("orders").repartitioned("customers", None).counts(&topics);
    assert_eq!(names(fewer), [count("customers", 2)]);
}

#[test]
fn two_repartition_topics_take_the_larger_count() {
    let topics = [("a", 2), ("b", 6)];
    let both = Joined::new().repartitioned("a", None).repartitioned("b", None).counts(&topics);
    assert_eq!(names(both), [count("a", 6), count("b", 6)]);
}

#[test]
fn a_count_that_the_user_gave_stands() {
    let topics = [("a", 2), ("b", 6)];
    let given = Joined::new().repartitioned("a", Some(3)).repartitioned("b", None).counts(&topics);
    assert_eq!(names(given), [count("a", 3), count("b", 3)]);
    let against_a_topic = Joined::new().repartitioned("a", Some(3)).topic("b").counts(&topics);
    assert!(matches!(against_a_topic, Err(StreamsError::NotCopartitioned(_))));
    let against_another = Joined::new().repartitioned("a", Some(3)).repartitioned("b", Some(4)).counts(&topics);
    assert!(matches!(against_another, Err(StreamsError::NotCopartitioned(_))));
}

#[test]
fn a_chain_of_repartitions_gets_its_counts_from_its_beginning() {
    let mut joined = Joined::new().repartitioned("a", None);
    let source = joined.sides[0].clone();
    joined.builder.add_repartition_topic(RepartitionTopic { name: "next-repartition".to_owned(), partitions: None });
    let sink = NodeKind::Sink { topic: Some("next-repartition".to_owned()) };
    joined.add("sink-to-next", sink, &[&source]);
    joined.source("next-repartition");
    let counts = joined.topic("b").counts(&[("a", 2), ("b", 7)]);
    assert_eq!(names(counts), [count("a", 7), count("next", 7)]);
}
