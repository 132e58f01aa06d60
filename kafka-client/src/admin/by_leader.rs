use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use tokio::task::JoinSet;

use super::operation::Operation;
use crate::ClientError;
use crate::calls::{Answered, Asked, Call};
use crate::cluster::NoLeader;
use crate::config::Address;

/// What is asked about one partition.
#[derive(Debug, Clone)]
pub(super) struct Question {
    pub(super) topic: Rc<str>,
    pub(super) partition: i32,
    pub(super) value: i64,
    /// Whether the question is about committed records only. It holds for a whole request.
    pub(super) committed: bool,
}

impl Question {
    fn refused(&self, code: i16, doing: &str) -> ClientError {
        ClientError::Refused { code, context: format!("{doing} {}-{}", self.topic, self.partition) }
    }
}

const UNKNOWN_TOPIC_OR_PARTITION: i16 = 3;
const LEADER_NOT_AVAILABLE: i16 = 5;

/// What tells requests apart: the broker, whether it is about committed records, and which of several questions about the same partition it
/// holds, as a request names a partition once.
type RequestKey = (i32, bool, usize);

/// Questions for one broker.
struct Request {
    address: Address,
    /// Of each question in the whole list.
    indices: Vec<usize>,
    asked: Vec<Asked>,
}

/// Asks the leader of each partition, brokers at the same time, again where another attempt may help. One result each, in order: an offset,
/// or the partition's final refusal.
///
/// # Errors
/// Those that are not about a partition, and refusals that do not pass in time.
pub(super) async fn ask<C: Call<Answer = Vec<Answered>> + 'static>(
    operation: &mut Operation,
    questions: &[Question],
    doing: &str,
    call: impl Fn(&Operation, Vec<Asked>, bool) -> C,
) -> Result<Vec<Result<i64, ClientError>>, ClientError> {
    let turns = turns(questions);
    let mut results: Vec<Option<Result<i64, ClientError>>> = questions.iter().map(|_| None).collect();
    let mut open: Vec<usize> = (0..questions.len()).collect();
    questions.iter().for_each(|question| operation.cluster.watch(&question.topic));
    if questions.iter().any(|question| operation.cluster.leader(&question.topic, question.partition).is_err()) {
        operation.refresh().await?;
    }
    loop {
        // Also keeps them known for as long as this goes on.
        questions.iter().for_each(|question| operation.cluster.watch(&question.topic));
        let (requests, mut trouble) = distribute(operation, questions, &turns, &open, doing);
        let mut under_way = JoinSet::new();
        for ((_, committed, _), Request { address, indices, asked }) in requests {
            let (cluster, deadline) = (Rc::clone(&operation.cluster), operation.attempt_deadline());
            let call = call(operation, asked, committed);
            under_way.spawn_local(async move { (indices, cluster.call(&address, &call, deadline).await) });
        }
        // A task that panicked has no answer; its partitions stay open.
        while let Some(done) = under_way.join_next().await {
            let Ok((indices, answer)) = done else { continue };
            match answer {
                Err(error) => trouble = Some(error),
                Ok(answers) => {
                    for (index, answer) in indices.into_iter().zip(answers) {
                        let refused = (answer.code != 0).then(|| questions[index].refused(answer.code, doing));
                        match refused {
                            Some(error) if error.is_retriable() => trouble = Some(error),
                            Some(error) => results[index] = Some(Err(error)),
                            None => results[index] = Some(Ok(answer.offset)),
                        }
                    }
                }
            }
        }
        open.retain(|&index| results[index].is_none());
        if open.is_empty() {
            return Ok(results.into_iter().flatten().collect());
        }
        operation.again_elsewhere(trouble.unwrap_or(ClientError::Closed)).await?;
    }
}

/// How many questions about the same partition, of the same kind, go before each.
fn turns(questions: &[Question]) -> Vec<usize> {
    let mut counts = HashMap::new();
    let turn = |question: &Question| {
        let count = counts.entry((Rc::clone(&question.topic), question.partition, question.committed)).or_insert(0);
        *count += 1;
        *count - 1
    };
    questions.iter().map(turn).collect()
}

/// The open questions by request, and why some are in none.
fn distribute(
    operation: &Operation,
    questions: &[Question],
    turns: &[usize],
    open: &[usize],
    doing: &str,
) -> (BTreeMap<RequestKey, Request>, Option<ClientError>) {
    let mut requests = BTreeMap::new();
    let mut trouble = None;
    for &index in open {
        let question = &questions[index];
        let leader = operation.cluster.leader(&question.topic, question.partition);
        let address = leader.and_then(|leader| {
            operation.cluster.address(leader.node).map(|address| (leader, address)).ok_or(NoLeader::NotYet)
        });
        match address {
            Ok((leader, address)) => {
                let key = (leader.node, question.committed, turns[index]);
                let empty = || Request { address, indices: Vec::new(), asked: Vec::new() };
                let request = requests.entry(key).or_insert_with(empty);
                request.indices.push(index);
                request.asked.push(Asked {
                    topic: Rc::clone(&question.topic),
                    partition: question.partition,
                    leader_epoch: leader.epoch,
                    value: question.value,
                });
            }
            Err(reason) => trouble = Some(question.refused(code_of(reason), doing)),
        }
    }
    (requests, trouble)
}

fn code_of(reason: NoLeader) -> i16 {
    match reason {
        NoLeader::NotYet => LEADER_NOT_AVAILABLE,
        NoLeader::NoTopic(_) | NoLeader::NoPartition => UNKNOWN_TOPIC_OR_PARTITION,
        NoLeader::Refused(code) => code,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partition_is_named_once_in_each_request() {
        let question = |partition, committed| Question { topic: "t".into(), partition, value: 0, committed };
        let questions =
            [question(0, false), question(1, false), question(0, true), question(0, false), question(0, false)];
        assert_eq!(turns(&questions), [0, 0, 0, 1, 2]);
    }
}
