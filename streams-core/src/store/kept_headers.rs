use crate::record::Headers;

/// The headers of updates that the write buffer holds back, so that what is sent on at the commit carries those of the last update.
///
/// A row's entry in the write buffer holds the number of its headers here. Most records have none, and cost nothing.
#[derive(Default)]
pub(super) struct KeptHeaders {
    kept: Vec<Headers>,
    /// Tells numbers given out before the last [`clear`](Self::clear) from those since.
    generation: u32,
}

/// The number of no headers.
pub(super) const NONE: u64 = 0;

impl KeptHeaders {
    /// Whether there is nothing to do for an update with these headers: neither it nor any before it has some.
    #[inline]
    pub(super) fn is_idle(&self, headers: &Headers) -> bool {
        self.kept.is_empty() && headers.is_empty()
    }

    /// Keeps the headers of a row's update in place of those of its update before, which had the number `former`; answers their number.
    pub(super) fn keep(&mut self, former: u64, headers: &Headers) -> u64 {
        let place = self.place(former);
        if headers.is_empty() && place.is_none() {
            return NONE;
        }
        let place = place.unwrap_or(self.kept.len());
        if place == self.kept.len() {
            self.kept.push(Headers::default());
        }
        self.kept[place] = headers.clone();
        u64::from(self.generation) << 32 | (place as u64 + 1)
    }

    /// The headers of this number.
    pub(super) fn get(&self, number: u64) -> Headers {
        self.place(number).map_or_else(Headers::default, |place| self.kept[place].clone())
    }

    /// Forgets all: everything has been sent on.
    pub(super) fn clear(&mut self) {
        if !self.kept.is_empty() {
            self.kept.clear();
            self.generation = self.generation.wrapping_add(1);
        }
    }

    fn place(&self, number: u64) -> Option<usize> {
        let place = (number as u32).checked_sub(1)? as usize;
        ((number >> 32) as u32 == self.generation && place < self.kept.len()).then_some(place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: &str) -> Headers {
        Headers::default().with(name, Some(b"1"))
    }

    #[test]
    fn the_last_update_counts_and_takes_no_more_room() {
        let mut kept = KeptHeaders::default();
        let first = kept.keep(NONE, &headers("a"));
        let other = kept.keep(NONE, &headers("b"));
        let again = kept.keep(first, &headers("c"));
        assert_eq!((kept.get(again), kept.get(other)), (headers("c"), headers("b")));
        assert_eq!(kept.kept.len(), 2);
        let none = kept.keep(again, &Headers::default());
        assert_eq!(kept.get(none), Headers::default());
    }

    #[test]
    fn no_headers_take_no_room() {
        let mut kept = KeptHeaders::default();
        assert_eq!(kept.keep(NONE, &Headers::default()), NONE);
        assert_eq!(kept.get(NONE), Headers::default());
        assert!(kept.kept.is_empty());
    }

    #[test]
    fn numbers_from_before_a_commit_mean_nothing() {
        let mut kept = KeptHeaders::default();
        let old = kept.keep(NONE, &headers("a"));
        kept.clear();
        let new = kept.keep(NONE, &headers("b"));
        assert_eq!((kept.get(old), kept.get(new)), (Headers::default(), headers("b")));
        let third = kept.keep(old, &headers("c"));
        assert_eq!((kept.get(new), kept.get(third)), (headers("b"), headers("c")));
    }
}
