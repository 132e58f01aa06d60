//! Suppression of a table's updates, case by case.

#[path = "common/case.rs"]
mod case;

use case::Case;

#[test]
fn every_case_file_is_readable() {
    let cases = Case::read_all(&["time/cases", "reference/cases"], |_| true);
    assert!(cases.iter().all(|case| case.rows.is_empty() != case.refused.is_empty() || case.refused.len() == 1));
    assert!(cases.iter().any(|case| case.rows.iter().any(|row| !row.expected.is_empty())));
}
