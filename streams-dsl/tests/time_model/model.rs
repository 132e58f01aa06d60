//! What windows are, written down as their definition has it: all records are kept, and every result is made from them anew.

use std::collections::{BTreeMap, BTreeSet};

/// A record: key and value may be null. The value of a record is its number.
#[derive(Debug, Clone)]
pub struct Input {
    pub key: Option<String>,
    pub value: Option<usize>,
    pub timestamp: i64,
}

#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// Tumbling, where the advance is the size.
    Hopping {
        size: i64,
        advance: i64,
    },
    Sliding {
        difference: i64,
    },
    Session {
        gap: i64,
        /// Whether sessions that have closed are still there to be joined by later ones.
        remembers: bool,
    },
}

/// Key, start and end.
pub type Window = (String, i64, i64);
/// The records of a window, in the order in which they came; null values as `-`.
pub type Records = Vec<String>;

/// All that is to come of records.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Results {
    /// The last result of each window that was not deleted.
    pub table: BTreeMap<Window, Records>,
    /// What was final when its window closed, in sorted order.
    pub closed: Vec<(Window, Records)>,
    /// How often something was dropped.
    pub dropped: u64,
    /// Whether a record was late for some of its windows, and not for others.
    pub partly_late: bool,
}

pub struct Model {
    kind: Kind,
    grace: i64,
    observed: i64,
    kept: Vec<Input>,
    sessions: BTreeMap<Window, Records>,
    finished: BTreeSet<Window>,
    results: Results,
}

fn shown(input: &Input) -> String {
    input.value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}

impl Model {
    pub fn run(kind: Kind, grace: i64, inputs: &[Input]) -> Results {
        let sessions = BTreeMap::new();
        let (kept, finished, results) = (Vec::new(), BTreeSet::new(), Results::default());
        let mut model = Self { kind, grace, observed: -1, kept, sessions, finished, results };
        for input in inputs {
            model.take(input);
            model.finish();
        }
        model.results.closed.sort();
        model.results
    }

    fn take(&mut self, input: &Input) {
        let Some(key) = &input.key else {
            self.results.dropped += 1;
            return;
        };
        if input.value.is_none() && matches!(self.kind, Kind::Sliding { .. }) {
            self.results.dropped += 1;
            return;
        }
        self.observed = self.observed.max(input.timestamp);
        match self.kind {
            Kind::Hopping { size, advance } => self.hop(key, input, size, advance),
            Kind::Sliding { difference } => self.slide(key, input, difference),
            Kind::Session { gap, remembers } => self.join(key, input, gap, remembers),
        }
    }

    fn hop(&mut self, key: &str, input: &Input, size: i64, advance: i64) {
        let t = input.timestamp;
        for start in (0..=t).step_by(advance as usize).filter(|start| t < start + size) {
            if self.is_closed(start + size) {
                self.results.dropped += 1;
            } else {
                let window = (key.to_owned(), start, start + size);
                self.results.table.entry(window).or_default().push(shown(input));
            }
        }
    }

    /// A record is kept if it is in time for the last window that it may lie in, which is the one that begins with it.
    fn slide(&mut self, key: &str, input: &Input, d: i64) {
        let t = input.timestamp;
        if self.is_closed(t + d) {
            self.results.dropped += 1;
            return;
        }
        self.kept.push(input.clone());
        let of_key: Vec<&Input> = self.kept.iter().filter(|kept| kept.key.as_deref() == Some(key)).collect();
        let within = |start: i64| of_key.iter().filter(move |kept| (start..=start + d).contains(&kept.timestamp));
        let lefts = of_key.iter().map(|kept| (kept.timestamp - d).max(0));
        let rights = of_key.iter().map(|kept| kept.timestamp + 1).filter(|&start| within(start).next().is_some());
        let starts: BTreeSet<i64> = lefts.chain(rights).collect();
        for start in starts {
            let window = (key.to_owned(), start, start + d);
            let contains = (start..=start + d).contains(&t);
            if self.is_closed(start + d) {
                if contains {
                    self.results.dropped += 1;
                    self.results.partly_late = true;
                }
            } else {
                self.results.table.insert(window, within(start).map(|kept| shown(kept)).collect());
            }
        }
    }

    fn join(&mut self, key: &str, input: &Input, gap: i64, remembers: bool) {
        let t = input.timestamp;
        let touches = |(of, start, end): &Window| of == key && *end >= t - gap && *start <= t + gap;
        let mut joined: Vec<Window> = self.sessions.keys().filter(|session| touches(session)).cloned().collect();
        joined.retain(|session| remembers || !self.is_closed(session.2));
        let start = joined.iter().map(|session| session.1).chain([t]).min().unwrap();
        let end = joined.iter().map(|session| session.2).chain([t]).max().unwrap();
        if self.is_closed(end) {
            self.results.dropped += 1;
            return;
        }
        let mut records = Records::new();
        for session in joined {
            self.results.table.remove(&session);
            records.extend(self.sessions.remove(&session).unwrap());
        }
        records.push(shown(input));
        let session = (key.to_owned(), start, end);
        self.sessions.insert(session.clone(), records.clone());
        self.results.table.insert(session, records);
    }

    /// Whether a window of this end takes no more records: its end belongs to it, or not.
    fn is_closed(&self, end: i64) -> bool {
        match self.kind {
            Kind::Hopping { .. } => end <= self.observed - self.grace,
            Kind::Sliding { .. } => end < self.observed - self.grace,
            Kind::Session { gap, .. } => end < self.observed - self.grace - gap,
        }
    }

    /// What has closed is final.
    fn finish(&mut self) {
        let closed = (self.results.table.iter())
            .filter(|(window, _)| self.is_closed(window.2))
            .map(|(w, r)| (w.clone(), r.clone()));
        for (window, records) in closed.collect::<Vec<_>>() {
            if self.finished.insert(window.clone()) {
                self.results.closed.push((window, records));
            }
        }
    }
}
