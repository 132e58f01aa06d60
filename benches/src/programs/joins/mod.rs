//! Joins. Each program has two inputs; what belongs together has the text of both sides with a `+` between in its output, see `joined`.

pub mod foreign_key;
pub mod stream_stream;
pub mod stream_table;
pub mod table_table;

/// 2025-01-01, the time of the first record.
const START: i64 = 1_735_689_600_000;

/// What all four programs make of two partners.
fn joined(left: &str, right: &str) -> String {
    format!("{left}+{right}")
}

#[cfg(test)]
mod tests {
    use super::super::{Expected, Program, Side};
    use super::joined;
    use std::collections::HashMap;

    type Written = Vec<(Side, String, String, i64)>;

    fn written(program: Program, records: u64) -> Written {
        let mut all = Written::new();
        let take = |record: super::super::Record<'_>| {
            let (key, value) = (record.key.unwrap().to_owned(), record.value.to_owned());
            all.push((record.side, key, value, record.timestamp.unwrap()));
            Ok(())
        };
        program.input(7, records, take).unwrap();
        assert_eq!(all.len() as u64, records);
        all
    }

    fn last_rows(all: &Written, side: Side) -> HashMap<String, String> {
        let of_side = all.iter().filter(|record| record.0 == side);
        of_side.map(|(_, key, value, _)| (key.clone(), value.clone())).collect()
    }

    fn last(program: Program, records: u64) -> HashMap<String, String> {
        match program.expected(7, records).unwrap() {
            Expected::Last(rows, _) => rows,
            Expected::All(_) => panic!("a table has last rows"),
        }
    }

    fn all(program: Program, records: u64) -> crate::digest::Digest {
        match program.expected(7, records).unwrap() {
            Expected::All(digest) => digest,
            Expected::Last(..) => panic!("a stream has records"),
        }
    }

    #[test]
    fn streams_have_a_partner_for_each_record_on_average_and_the_expected_pairs_are_all_within_the_window() {
        const RECORDS: u64 = 80_000;
        let written = written(Program::StreamStream, RECORDS);
        let mut by_key = HashMap::<&str, Vec<_>>::new();
        for record in written.iter().filter(|record| record.0 == Side::Right) {
            by_key.entry(&record.1).or_default().push(record);
        }
        let mut digest = crate::digest::Digest::default();
        for (_, key, left, time) in written.iter().filter(|record| record.0 == Side::Left) {
            let partners = by_key.get(key.as_str()).into_iter().flatten();
            for (.., right, _) in partners.filter(|right| (right.3 - time).abs() <= 10_000) {
                digest.add(Some(key.as_bytes()), Some(joined(left, right).as_bytes()));
            }
        }
        assert_eq!(all(Program::StreamStream, RECORDS), digest);
        assert!((RECORDS / 3..RECORDS / 2).contains(&digest.records), "{digest:?}");
    }

    #[test]
    fn a_stream_finds_most_rows_of_its_table_which_comes_first() {
        const RECORDS: u64 = 11_000;
        let written = written(Program::StreamTable, RECORDS);
        let rows = Program::StreamTable.first_records(RECORDS) as usize;
        assert!(written[..rows].iter().all(|record| record.0 == Side::Right));
        assert!(written[rows..].iter().all(|record| record.0 == Side::Left));
        let table = last_rows(&written, Side::Right);
        let mut digest = crate::digest::Digest::default();
        for (_, key, left, _) in &written[rows..] {
            if let Some(right) = table.get(key) {
                digest.add(Some(key.as_bytes()), Some(joined(left, right).as_bytes()));
            }
        }
        assert_eq!(all(Program::StreamTable, RECORDS), digest);
        assert!((9_000..10_000).contains(&digest.records), "{digest:?}");
    }

    #[test]
    fn tables_have_the_last_rows_of_both_sides() {
        const RECORDS: u64 = 5_000;
        let written = written(Program::TableTable, RECORDS);
        let (left, right) = (last_rows(&written, Side::Left), last_rows(&written, Side::Right));
        let expected = left.iter().filter_map(|(key, row)| Some((key.clone(), joined(row, right.get(key)?)))).collect();
        assert_eq!(last(Program::TableTable, RECORDS), expected);
        assert!(expected.len() == 50, "{}", expected.len());
    }

    #[test]
    fn each_order_has_the_last_row_of_its_last_customer() {
        const RECORDS: u64 = 5_000;
        let written = written(Program::ForeignKey, RECORDS);
        let (orders, customers) = (last_rows(&written, Side::Left), last_rows(&written, Side::Right));
        let customer = |order: &str| customers[order.split_once(' ').unwrap().0].as_str();
        let expected = orders.iter().map(|(key, order)| (key.clone(), joined(order, customer(order)))).collect();
        assert_eq!(last(Program::ForeignKey, RECORDS), expected);
        assert!(expected.len() > 900, "{}", expected.len());
        assert_eq!(customers.len(), 100);
    }
}
