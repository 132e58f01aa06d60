use super::*;

fn refused(code: i16) -> ClientError {
    ClientError::Refused { code, context: "test".into() }
}

fn ready(implicit: bool) -> Transaction {
    let mut transaction = Transaction::new();
    transaction.may_register().unwrap();
    transaction.registered(implicit);
    transaction
}

fn open(implicit: bool) -> Transaction {
    let mut transaction = ready(implicit);
    transaction.begin().unwrap();
    transaction
}

fn kind<T>(result: Result<T, ProducerError>) -> ProducerErrorKind {
    match result {
        Err(error) => error.kind,
        Ok(_) => panic!("an error was expected"),
    }
}

const ABORT: Ends = Ends::Transaction(ProducerErrorKind::AbortTransaction);
const FENCE: Ends = Ends::Producer(ProducerErrorKind::Fenced);

#[test]
fn calls_out_of_order_are_fatal() {
    let mut new = Transaction::new();
    assert_eq!(kind(new.begin()), ProducerErrorKind::Fatal);
    assert_eq!(kind(new.commit()), ProducerErrorKind::Fatal);
    assert_eq!(kind(new.abort()), ProducerErrorKind::Fatal);
    assert_eq!(kind(new.may_add_offsets()), ProducerErrorKind::Fatal);
    assert_eq!(kind(new.may_append()), ProducerErrorKind::Fatal);
    let mut ready = ready(true);
    assert_eq!(kind(ready.may_register()), ProducerErrorKind::Fatal);
    assert_eq!(kind(ready.commit()), ProducerErrorKind::Fatal);
    assert_eq!(kind(ready.abort()), ProducerErrorKind::Fatal);
    ready.begin().unwrap();
    assert_eq!(kind(ready.begin()), ProducerErrorKind::Fatal);
}

#[test]
fn an_empty_transaction_asks_for_nothing() {
    let nothing = Ending { tell: false, epoch: false };
    assert_eq!(open(true).committing(), Ok(nothing));
    assert_eq!(open(false).aborting(), Ok(nothing));
}

#[test]
fn records_go_out_when_their_partition_has_joined() {
    let mut transaction = open(false);
    assert!(transaction.lacks(3) && !transaction.may_send(3));
    transaction.joining();
    transaction.joined(transaction.number + 1, &[3]);
    assert!(!transaction.may_send(3), "that was another transaction");
    transaction.joined(transaction.number, &[3]);
    assert!(transaction.may_send(3) && !transaction.lacks(3) && transaction.lacks(4));
    assert_eq!(transaction.committing(), Ok(Ending { tell: true, epoch: false }));
    assert!(!transaction.may_send(3), "the end has been asked for");
    transaction.ended();
    transaction.begin().unwrap();
    assert!(transaction.lacks(3), "each transaction begins with nothing");
    assert!(open(true).may_send(3), "the cluster adds by itself");
}

#[test]
fn a_failed_record_leaves_the_abort_which_needs_an_epoch() {
    for (implicit, epoch) in [(false, true), (true, false)] {
        let mut transaction = open(implicit);
        transaction.sent();
        transaction.record_failed(&refused(10));
        assert_eq!(kind(transaction.commit()), ProducerErrorKind::AbortTransaction);
        assert_eq!(kind(transaction.may_append()), ProducerErrorKind::AbortTransaction);
        assert!(!transaction.may_send(0));
        assert_eq!(transaction.aborting(), Ok(Ending { tell: true, epoch }));
        transaction.ended();
        transaction.begin().unwrap();
    }
}

#[test]
fn the_first_error_is_the_one_told() {
    let mut transaction = open(true);
    transaction.fail(ABORT, refused(22));
    transaction.fail(ABORT, refused(10));
    assert_eq!(transaction.commit().unwrap_err().error, refused(22));
    transaction.fail(FENCE, refused(47));
    assert_eq!(kind(transaction.abort()), ProducerErrorKind::Fenced);
    assert_eq!(kind(transaction.begin()), ProducerErrorKind::Fenced);
    transaction.ended();
    assert_eq!(kind(transaction.begin()), ProducerErrorKind::Fenced);
}

#[test]
fn denied_access_stays_denied_access() {
    let mut transaction = open(true);
    transaction.record_failed(&refused(29));
    assert_eq!(kind(transaction.commit()), ProducerErrorKind::Authorization);
    transaction.abort().unwrap();
}

#[test]
fn a_commit_in_doubt_cannot_be_aborted_but_repeated() {
    let mut transaction = open(true);
    transaction.sent();
    transaction.commit().unwrap();
    transaction.commit().unwrap();
    transaction.committing().unwrap();
    assert_eq!(kind(transaction.abort()), ProducerErrorKind::Fatal);
    transaction.fail(Ends::Attempt, ClientError::Timeout);
    assert_eq!(transaction.committing(), Ok(Ending { tell: true, epoch: false }));
    // The coordinator refuses: then it is certain.
    transaction.fail(ABORT, refused(120));
    transaction.abort().unwrap();
}

#[test]
fn a_commit_that_still_flushes_can_be_aborted() {
    let mut transaction = open(true);
    transaction.commit().unwrap();
    assert!(transaction.may_send(0), "records go out until the end is asked for");
    transaction.abort().unwrap();
    assert!(!transaction.may_send(0));
}

#[test]
fn offsets_that_were_not_accepted_are_not_forgotten() {
    let mut transaction = open(true);
    transaction.may_add_offsets().unwrap();
    transaction.fail(Ends::Attempt, ClientError::Timeout);
    assert_eq!(kind(transaction.commit()), ProducerErrorKind::AbortTransaction);
    transaction.may_add_offsets().unwrap();
    transaction.added_offsets();
    transaction.commit().unwrap();
}

#[test]
fn an_abort_that_lacks_only_its_epoch_does_not_end_twice() {
    let mut transaction = open(false);
    transaction.joining();
    transaction.lost_sequence();
    assert_eq!(transaction.aborting(), Ok(Ending { tell: true, epoch: true }));
    transaction.told_end();
    transaction.fail(Ends::Attempt, ClientError::Timeout);
    assert_eq!(transaction.aborting(), Ok(Ending { tell: false, epoch: true }));
}

#[test]
fn requests_end_what_the_java_client_ends() {
    let cases = [
        (16, Ends::Attempt),
        (14, Ends::Attempt),
        (15, Ends::Attempt),
        (51, Ends::Attempt),
        (3, Ends::Attempt),
        (47, FENCE),
        (90, FENCE),
        (22, ABORT),
        (25, ABORT),
        (82, ABORT),
        (49, ABORT),
        (120, ABORT),
        (30, Ends::Transaction(ProducerErrorKind::Authorization)),
        (53, Ends::Producer(ProducerErrorKind::Authorization)),
        (48, Ends::Producer(ProducerErrorKind::Fatal)),
    ];
    for (code, ends) in cases {
        assert_eq!(Ends::of_request(&refused(code)), ends, "{code}");
    }
    assert_eq!(Ends::of_request(&ClientError::Disconnected), Ends::Attempt);
}
