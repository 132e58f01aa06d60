//! When schedules are called: answers of Kafka Streams 4.3.1 (`TopologyTestDriver`, wall clock 1000 at the start).

use crate::nodes::{Script, topology};
use std::time::Duration;
use streams_core::test_driver::{TestDriverConfig, TopologyTestDriver};

/// Schedules at the start, schedules at the record `n`, events with the calls that follow. Events: `r5`, `n5`, `x5` a record at stream time 5
/// (`n` schedules, `x` cancels all), `w5` the wall clock moves on by 5. Calls: number of the schedule, time.
const TABLE: &[(&str, &str, &str)] = &[
    // Stream time: with the first record, then by the phase of 0, whatever was missed.
    ("S100", "", "r0[0@0] r50 r99 r100[0@100] r150 r200[0@200]"),
    ("S100", "", "r42[0@42] r43 r100[0@100] r101"),
    ("S100", "", "r250[0@250] r299 r300[0@300] r1050[0@1050] r1099 r1100[0@1100]"),
    ("S100", "", "r100[0@100] r20 r199 r200[0@200]"),
    ("S100;S100", "", "r0[0@0 1@0] r100[0@100 1@100]"),
    ("S30;S20", "", "r0[0@0 1@0] r20[1@20] r30[0@30] r40[1@40] r60[0@60 1@60] r100[1@100 0@100]"),
    ("S20;S30", "", "r100[0@100 1@100]"),
    // Cancelled by its own call, by a record before it is due, by the record that makes it due.
    ("S100!", "", "r0[0@0] r100 r200"),
    ("S100", "", "r0[0@0] x50 r100"),
    ("S100", "", "r0[0@0] x100 r200"),
    // While running, and with a start.
    ("", "S100", "r0 n50[0@50] r99 r100[0@100]"),
    ("", "S@70/100", "r0 n50 r69 r70[0@70] r169 r170[0@170]"),
    ("", "S@70/100", "r0 n70[0@70] r169 r170[0@170]"),
    ("", "S@70/100", "r0 n250 r269 r270[0@270] r370[0@370]"),
    ("S@70/100", "", "r0 r69 r70[0@70] r170[0@170]"),
    ("S@70/100", "", "r200[0@200] r269 r270[0@270]"),
    ("S@0/100", "", "r0[0@0] r100[0@100]"),
    // Wall clock: one interval from now, then by that phase.
    ("W100", "", "w99 w1[0@1100] w100[0@1200] w50 w50[0@1300]"),
    ("W100", "", "w250[0@1250] w49 w1[0@1300] w100[0@1400]"),
    ("W100", "", "r5000 w100[0@1100]"),
    ("W100", "", "w1000[0@2000] w99 w1[0@2100]"),
    ("W100!", "", "w100[0@1100] w100"),
    ("W30;W20", "", "w20[1@1020] w10[0@1030] w10[1@1040] w20[0@1060 1@1060] w40[1@1100 0@1100]"),
    ("W100", "", "w50 x0 w50 w100"),
    ("", "W100", "w50 n0 w50 w49 w1[0@1150] w100[0@1250]"),
    ("W@1100/100", "", "w99 w1[0@1100] w100[0@1200]"),
    ("W@30/100", "", "w29 w1[0@1030] w99 w1[0@1130]"),
    ("W@5000/100", "", "w3999 w1[0@5000] w100[0@5100]"),
    ("W@1000/100", "", "w0[0@1000] w99 w1[0@1100]"),
    ("", "W@1070/100", "w500 n0 w69 w1[0@1570] w100[0@1670]"),
    ("W100;S100", "", "r0[1@0] w100[0@1100] r100[1@100] w100[0@1200]"),
];

#[test]
fn schedules_are_called_when_kafka_streams_calls_them() {
    for (init, later, expected) in TABLE {
        let script = Script { init, later, ..Script::default() };
        let calls = script.calls.clone();
        let config = TestDriverConfig { initial_wall_clock_time: 1000, ..TestDriverConfig::default() };
        let driver = TopologyTestDriver::with_config(&topology(script), config);
        let input = driver.create_input_topic::<String, String>("in");
        let mut seen = Vec::new();
        for event in events(expected) {
            let (kind, time) = event.split_at(1);
            let time: i64 = time.parse().unwrap();
            match kind {
                "w" => driver.advance_wall_clock_time(Duration::from_millis(time as u64)).unwrap(),
                kind => input.pipe_input_at("k".into(), kind.into(), time).unwrap(),
            }
            let calls = std::mem::take(&mut *calls.lock().unwrap());
            seen.push(if calls.is_empty() { event.to_owned() } else { format!("{event}[{}]", calls.join(" ")) });
        }
        assert_eq!(seen.join(" "), *expected, "{init} | {later}");
    }
}

/// The events of a row, without what is expected of them.
fn events(row: &str) -> impl Iterator<Item = &str> {
    row.split(' ').filter(|word| word.starts_with(['r', 'n', 'x', 'w'])).map(|word| word.split('[').next().unwrap())
}
