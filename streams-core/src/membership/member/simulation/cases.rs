//! The simulations that are run.

use std::time::Duration;

use proptest::prelude::*;

use super::check;
use super::scenario::{Operation, Scenario, scenario};

/// Found by the tests below.
#[test]
fn a_static_member_that_missed_a_generation_gives_up_its_tasks() {
    let ms = Duration::from_millis;
    check(Scenario {
        statics: true,
        loss: 63,
        operations: vec![
            (ms(3169), 2, Operation::CutOff(ms(1953))),
            (ms(80), 1, Operation::Start),
            (ms(600), 2, Operation::Start),
            (ms(2584), 0, Operation::Start),
        ],
        seed: 9_599_428_654_336_533_412,
    });
}

/// Found by the tests below.
#[test]
fn a_static_member_that_died_while_giving_up_tasks_comes_back_and_they_are_run() {
    let ms = Duration::from_millis;
    check(Scenario {
        statics: true,
        loss: 0,
        operations: vec![
            (ms(0), 1, Operation::Start),
            (ms(9016), 2, Operation::Crash),
            (ms(1524), 2, Operation::Start),
            (ms(3501), 0, Operation::Start),
            (ms(15_215), 0, Operation::Start),
            (ms(3500), 3, Operation::Start),
            (ms(7983), 3, Operation::Threads(1)),
            (ms(15_027), 0, Operation::Crash),
            (ms(6002), 0, Operation::Threads(3)),
            (ms(9807), 0, Operation::Threads(0)),
        ],
        seed: 2_873_261_218_122_693_647,
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn instances_come_and_go(scenario in scenario(Just(0), 0, 0)) {
        check(scenario);
    }

    #[test]
    fn instances_stand_still_and_go_on(scenario in scenario(Just(0), 0, 4)) {
        check(scenario);
    }

    #[test]
    fn instances_come_and_go_while_messages_are_lost(scenario in scenario(0u64..100, 2, 0)) {
        check(scenario);
    }
}
