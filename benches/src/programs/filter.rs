use super::{Expected, Record};
use crate::digest::Digest;
use crate::failure::Result;
use crate::generator::Random;
use std::fmt::Write;

const CUSTOMERS: u64 = 50_000;

pub fn input(seed: u64, messages: u64, mut take: impl FnMut(Record<'_>) -> Result<()>) -> Result<()> {
    let mut random = Random::new(seed);
    let (mut key, mut value) = (String::new(), String::new());
    for number in 0..messages {
        let important = random.next() & 1 == 1;
        let kind = if important { "important" } else { "ordinary" };
        key.clear();
        let _ = write!(key, "c{:05}", random.below(CUSTOMERS));
        value.clear();
        let room = random.below(1000);
        let _ =
            write!(value, "message {number:09} to room {room:03} is an {kind} one and waits for a reader since noon");
        take(Record::new(Some(&key), &value))?;
    }
    Ok(())
}

pub fn expected(seed: u64, messages: u64) -> Result<Expected> {
    let mut digest = Digest::default();
    input(seed, messages, |message| {
        if message.value.contains("important") {
            digest.add(message.key.map(str::as_bytes), Some(message.value.to_ascii_uppercase().as_bytes()));
        }
        Ok(())
    })?;
    Ok(Expected::All(digest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_of_the_messages_pass_and_their_size_is_as_documented() {
        let mut bytes = 0;
        input(7, 1000, |message| {
            bytes += message.value.len() + message.key.map_or(0, str::len);
            Ok(())
        })
        .unwrap();
        assert!((85_000..95_000).contains(&bytes), "{bytes}");
        let Expected::All(digest) = expected(7, 1000).unwrap() else { panic!("all messages count") };
        assert!((450..550).contains(&digest.records), "{digest:?}");
    }
}
