//! Stores of the user's own.

use crate::probe::{pipe, topology};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use streams_core::processor_api::{
    ChangelogWriter, CustomStore, KeyValueStore, Processor, ProcessorContext, ProcessorResult, StateStore, Stores,
};
use streams_core::record::Record;
use streams_core::test_driver::TopologyTestDriver;
use streams_core::topology::TopologyBuilder;

/// Words in order. Tells when it is closed.
#[derive(Default)]
struct Words {
    words: BTreeSet<String>,
    changed: BTreeMap<String, bool>,
    closed: Arc<Mutex<u32>>,
}

impl Words {
    fn set(&mut self, word: &str, present: bool) {
        let changed = match present {
            true => self.words.insert(word.to_owned()),
            false => self.words.remove(word),
        };
        if changed {
            self.changed.insert(word.to_owned(), present);
        }
    }
}

impl StateStore for Words {
    fn restore(&mut self, batch: &[(&[u8], &[u8])]) -> ProcessorResult {
        for (word, _) in batch {
            self.words.insert(String::from_utf8(word.to_vec())?);
        }
        Ok(())
    }

    fn flush(&mut self, changelog: &mut ChangelogWriter<'_>) -> ProcessorResult {
        for (word, present) in std::mem::take(&mut self.changed) {
            match present {
                true if word == "unwritable" => return Err("no such word".into()),
                true => changelog.put(word.as_bytes(), b"+")?,
                false => changelog.delete(word.as_bytes())?,
            }
        }
        Ok(())
    }

    fn close(&mut self) {
        *self.closed.lock().unwrap() += 1;
    }
}

fn changelog(driver: &TopologyTestDriver) -> Vec<(String, Option<String>)> {
    driver.create_output_topic("test-application-words-changelog").read_key_values_to_list().unwrap()
}

#[test]
fn what_it_flushes_is_logged() {
    let topology = topology(Stores::custom_store("words", Words::default), |store: &CustomStore<Words>, record| {
        store.borrow_mut()?.set(&record.key, record.value == "+");
        Ok(())
    });
    let driver = TopologyTestDriver::new(&topology);
    pipe(&driver, &[("a", "+", 0), ("b", "+", 0), ("a", "-", 0), ("a", "-", 0)]).unwrap();
    let row = |word: &str, value: Option<&str>| (word.to_owned(), value.map(str::to_owned));
    assert_eq!(changelog(&driver), [row("a", Some("+")), row("b", Some("+")), row("a", None)]);
}

#[test]
fn an_error_of_its_flush_stops_the_task() {
    let topology = topology(Stores::custom_store("words", Words::default), |store: &CustomStore<Words>, record| {
        store.borrow_mut()?.set(&record.key, true);
        Ok(())
    });
    let driver = crate::probe::continuing(&topology);
    let error = pipe(&driver, &[("unwritable", "", 0)]).unwrap_err().to_string();
    assert_eq!(error, "store words cannot be flushed: no such word");
}

/// Puts its name and the record's key into the words, and says how many there are.
struct Put(&'static str, CustomStore<Words>, bool);

impl Processor<String, String, String, String> for Put {
    fn init(&mut self, context: &mut ProcessorContext<'_, String, String>) -> ProcessorResult {
        self.1 = context.state_store("words")?;
        Ok(())
    }

    fn process(
        &mut self,
        context: &mut ProcessorContext<'_, String, String>,
        record: Record<String, String>,
    ) -> ProcessorResult {
        let mut words = self.1.borrow_mut()?;
        words.set(&format!("{} {}", self.0, record.key), true);
        let record = record.with_value(words.words.len().to_string());
        if !self.2 {
            drop(words);
        }
        Ok(context.forward(record)?)
    }
}

fn shared(hold: bool) -> (TopologyTestDriver, Arc<Mutex<u32>>) {
    let mut topology = TopologyBuilder::new();
    let closed = Arc::new(Mutex::new(0));
    let source = topology.add_source("source", "in").unwrap();
    let first = topology.add_processor("first", move || Put("1", CustomStore::default(), hold), &source).unwrap();
    let second = topology.add_processor("second", || Put("2", CustomStore::default(), false), &first).unwrap();
    let tell = Arc::clone(&closed);
    let words = Stores::custom_store("words", move || Words { closed: Arc::clone(&tell), ..Words::default() });
    topology.add_state_store(words, (&first, &second)).unwrap();
    topology.add_sink("sink", "out", &second).unwrap();
    (TopologyTestDriver::new(&topology.build().unwrap()), closed)
}

#[test]
fn processors_share_one_per_task_which_is_closed_once() {
    let (driver, closed) = shared(false);
    pipe(&driver, &[("a", "", 0)]).unwrap();
    assert_eq!(driver.create_output_topic::<String, String>("out").read_value().unwrap(), "2");
    assert_eq!(changelog(&driver).len(), 2);
    // A test sees it too.
    let words = driver.state_store::<CustomStore<Words>>("words").unwrap();
    assert_eq!(words.borrow().unwrap().words.iter().collect::<Vec<_>>(), ["1 a", "2 a"]);
    drop((driver, words));
    assert_eq!(*closed.lock().unwrap(), 1);
}

#[test]
fn one_that_is_held_while_forwarding_is_an_error_not_a_panic() {
    let (driver, _) = shared(true);
    let error = pipe(&driver, &[("a", "", 0)]).unwrap_err().to_string();
    assert_eq!(error, "store words is borrowed by a processor above; let go of it before forwarding");
}

#[test]
fn a_handle_that_was_never_opened_says_so() {
    let error = CustomStore::<Words>::default().borrow().map(drop).unwrap_err().to_string();
    assert!(error.contains("context.state_store()"), "{error}");
    let error = KeyValueStore::<String, i32>::default().get(&"a".to_owned()).unwrap_err().to_string();
    assert!(error.contains("context.state_store()"), "{error}");
}
