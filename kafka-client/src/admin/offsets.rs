use super::by_leader::{Question, ask};
use super::operation::Operation;
use crate::ClientError;
use crate::calls::{DeleteRecords, EARLIEST, LATEST, ListOffsets};

/// Which offset of a partition is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OffsetSpec {
    /// The first offset that the log holds.
    Earliest,
    /// The end of what is replicated: the offset of the next record to be appended, where nothing is under way.
    Latest,
    /// The end for readers of committed records (last stable offset).
    LatestStable,
    /// The first record with this timestamp or a later one, in milliseconds; the end where there is none. A negative one is
    /// before everything.
    Timestamp(i64),
}

impl OffsetSpec {
    fn question(self, topic: String, partition: i32) -> Question {
        let (value, committed) = match self {
            Self::Earliest => (EARLIEST, false),
            Self::Latest => (LATEST, false),
            Self::LatestStable => (LATEST, true),
            Self::Timestamp(timestamp) => (timestamp.max(0), false),
        };
        Question { topic: topic.into(), partition, value, committed }
    }
}

async fn ask_offsets(operation: &mut Operation, questions: &[Question]) -> Result<Vec<i64>, ClientError> {
    let answers = ask(operation, questions, "listing the offset of", |_, partitions, read_committed| ListOffsets {
        partitions,
        read_committed,
    });
    answers.await?.into_iter().collect()
}

pub(super) async fn list(
    mut operation: Operation,
    partitions: Vec<(String, i32, OffsetSpec)>,
) -> Result<Vec<i64>, ClientError> {
    let questions: Vec<_> =
        partitions.into_iter().map(|(topic, partition, spec)| spec.question(topic, partition)).collect();
    let mut offsets = ask_offsets(&mut operation, &questions).await?;
    // Where no record is as late as the timestamp there is no offset to tell.
    let after_all: Vec<_> = (0..offsets.len()).filter(|&at| offsets[at] < 0).collect();
    if !after_all.is_empty() {
        let ends: Vec<_> = after_all.iter().map(|&at| Question { value: LATEST, ..questions[at].clone() }).collect();
        let ends = ask_offsets(&mut operation, &ends).await?;
        after_all.into_iter().zip(ends).for_each(|(at, end)| offsets[at] = end);
    }
    Ok(offsets)
}

const OFFSET_OUT_OF_RANGE: i16 = 1;
/// In place of an offset: the end of what is replicated.
const ALL: i64 = -1;

pub(super) async fn delete_before(
    mut operation: Operation,
    before: Vec<(String, i32, i64)>,
) -> Result<(), ClientError> {
    let mut questions: Vec<_> = before
        .into_iter()
        .map(|(topic, partition, offset)| Question {
            topic: topic.into(),
            partition,
            value: offset.max(ALL),
            committed: false,
        })
        .collect();
    while !questions.is_empty() {
        let call = |operation: &Operation, partitions, _| DeleteRecords { partitions, timeout: operation.left() };
        let answers = ask(&mut operation, &questions, "deleting records of", call).await?;
        let mut above_the_end = Vec::new();
        for (question, answer) in questions.into_iter().zip(answers) {
            match answer {
                Err(error) if error.code() == Some(OFFSET_OUT_OF_RANGE) && question.value != ALL => {
                    above_the_end.push(Question { value: ALL, ..question });
                }
                answer => drop(answer?),
            }
        }
        questions = above_the_end;
    }
    Ok(())
}
