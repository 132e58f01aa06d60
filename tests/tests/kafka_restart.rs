//! Restarts: state that was kept is used, state that was lost comes back from the changelog, and how much was restored is said.

use std::path::{Path, PathBuf};
use std::time::Duration;
use tests::kafka::{Application, Ended, SOON, tool};

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
    // What the user says about input topics must not reach the changelog's reader: it would skip the state.
    let instance = application.setup("a").set("auto.offset.reset", "latest").start();
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

#[test]
fn an_instance_that_returns_to_others_restores_only_what_they_have_added() {
    let mut application = Application::new("return");
    application.produce(LINES);
    let first = application.setup("a").start();
    first.wait_until_running(SOON);
    let second = application.setup("b").start();
    second.wait_until_running(SOON);
    second.wait_for("store word-count-store of task", SOON);
    application.drain(DRAIN);
    second.terminate(SOON).cleanly();
    // The first one has all tasks now, and goes on with those of the second.
    let before = changelog_records(&application);
    let lines = 500;
    application.produce(lines);
    application.drain(DRAIN);
    let added = changelog_records(&application) - before;

    let second = application.setup("b").start();
    let running = second.wait_until_running(SOON);
    assert!(running.after < RESTART, "running after {:?}", running.after);
    second.wait_for("store word-count-store of task", SOON);
    application.produce(lines);
    application.drain(DRAIN);
    let ended = second.terminate(SOON).cleanly();
    assert!(ended.restored() <= added, "{} restored, {added} added while it was away", ended.restored());
    first.terminate(SOON).cleanly();
    application.assert_exact();
}

#[test]
fn state_that_cannot_be_read_is_restored_instead() {
    let mut application = Application::new("damaged");
    application.produce(LINES);
    run(&application, "a");
    let state = application.state_dir("a").join(&application.id);
    let stores: Vec<_> =
        ["1_0", "1_1", "1_2"].map(|task| find(&state.join(task), "CURRENT")).into_iter().flatten().collect();
    assert_eq!(stores.len(), 3, "one database per task");
    std::fs::write(&stores[0], "MANIFEST-000000\n").unwrap();

    application.produce(1000);
    let ended = run(&application, "a");
    assert!(ended.says("damaged"), "{}", ended.lines.join("\n"));
    assert!(ended.restored() > 0);
    application.assert_exact();
}

#[test]
fn a_changelog_that_begins_late_or_is_empty_does_not_hold_up_the_start() {
    let mut application = Application::new("short-changelog");
    application.produce(LINES);
    run(&application, "a");
    std::fs::remove_dir_all(application.state_dir("a")).unwrap();
    let changelog = application.changelog();
    // Kafka deletes on request only where the topic's policy allows deletion.
    let policy = ["--alter", "--entity-type", "topics", "--entity-name", &changelog, "--add-config"];
    let policy = [&policy[..], &["cleanup.policy=[compact,delete]"]].concat();
    tool(application.cluster.servers(), "kafka-configs", &policy);
    let ends = application.cluster.ends(&changelog);
    application.cluster.delete_records(&changelog, 0, ends[0]);
    application.cluster.delete_records(&changelog, 1, ends[1] - 1);
    application.cluster.delete_records(&changelog, 2, ends[2] / 2);
    let left = changelog_records(&application);
    let instance = application.setup("a").start();
    instance.wait_until_running(SOON);
    let ended = instance.terminate(SOON).cleanly();
    assert_eq!(ended.restored(), left);
}

/// The file of this name below a folder.
fn find(folder: &Path, name: &str) -> Option<PathBuf> {
    let entries: Vec<_> = std::fs::read_dir(folder).ok()?.flatten().map(|entry| entry.path()).collect();
    let here = entries.iter().find(|path| path.file_name().is_some_and(|found| found == name)).cloned();
    here.or_else(|| entries.iter().find_map(|path| find(path, name)))
}
