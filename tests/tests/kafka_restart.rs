//! Restarts: state that was kept is used, state that was lost comes back from the changelog, and how much was restored is said.

use std::time::Duration;
use tests::kafka::{Application, Ended, SOON};

const LINES: usize = 50_000;
/// A restart must not wait for the group to miss its former self.
const RESTART: Duration = Duration::from_secs(3);
const DRAIN: Duration = Duration::from_secs(60);

/// Runs an instance until all input is processed, then stops it.
fn run(application: &Application, name: &str) -> Ended {
    let instance = application.setup(name).start();
    instance.wait_until_running(SOON);
    application.drain(DRAIN);
    instance.terminate(SOON).cleanly()
}

fn changelog_records(application: &Application) -> u64 {
    let mut count = 0;
    application.cluster.read(&application.changelog(), |_| count += 1);
    count
}

#[test]
fn a_clean_restart_resumes_within_three_seconds_and_restores_nothing() {
    let mut application = Application::new("restart");
    application.produce(LINES);
    assert_eq!(run(&application, "a").restored(), 0);
    assert!(changelog_records(&application) > 10_000);

    application.produce(1000);
    let instance = application.setup("a").start();
    let running = instance.wait_until_running(SOON);
    assert!(running.after < RESTART, "running after {:?}", running.after);
    application.drain(DRAIN);
    let ended = instance.terminate(SOON).cleanly();
    assert_eq!(ended.restored(), 0);
    assert_eq!(ended.processed(), 9 * 1000, "only what came since");
    application.assert_exact();
}

#[test]
fn lost_state_is_restored_from_the_changelog_and_exact() {
    let mut application = Application::new("lost-state");
    application.produce(LINES);
    run(&application, "a");
    let records = changelog_records(&application);
    assert!(records > 10_000);

    std::fs::remove_dir_all(application.state_dir("a")).unwrap();
    let instance = application.setup("a").start();
    instance.wait_until_running(SOON);
    application.produce(LINES / 10);
    application.drain(DRAIN);
    let ended = instance.terminate(SOON).cleanly();
    // Compaction may have taken some away since, which only the restored ones can tell.
    let restored = ended.restored();
    let distinct = application.changelog_counts().len() as u64;
    assert!((distinct.min(records)..=records).contains(&restored), "{restored} of {records}, {distinct} words");
    assert!(ended.says("records restored from"), "each store says how much it has restored");
    application.assert_exact();
}

#[test]
fn after_a_kill_about_one_commit_is_restored() {
    let mut application = Application::new("kill-restart");
    application.produce(LINES);
    let instance = application.setup("a").start();
    instance.wait_until_running(SOON);
    application.drain(DRAIN);
    let before = changelog_records(&application);
    // From here on little comes, so that what a commit writes is little, too.
    let lines_since = 400;
    application.produce(lines_since / 4);
    application.drain(DRAIN);
    application.produce(lines_since * 3 / 4);
    instance.kill();

    let instance = application.setup("a").start();
    instance.wait_until_running(SOON);
    application.drain(DRAIN);
    let ended = instance.terminate(SOON).cleanly();
    let words_since = 8 * lines_since as u64;
    assert!(words_since < before, "the bound means something only below the changelog's length, {before}");
    assert!(ended.restored() <= words_since, "{} records restored of {before} and more", ended.restored());
    application.assert_at_least();
}
