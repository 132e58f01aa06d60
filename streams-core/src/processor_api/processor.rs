use super::ProcessorContext;
use crate::error::StreamsError;
use crate::record::Record;
use std::error::Error;

/// What the methods of processors return. Any error fits, so `?` works on all.
pub type ProcessorResult = Result<(), Box<dyn Error + Send + Sync>>;

/// A node of a topology: takes records of `KIn` and `VIn`, forwards records of `KOut` and `VOut` (`()` and `()` where it forwards none).
///
/// One is made per task, by the supplier that it was declared with. See the [module](super) for an example.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no processor that takes `Record<{KIn}, {VIn}>` and forwards `Record<{KOut}, {VOut}>`",
    label = "does not implement `Processor<{KIn}, {VIn}, {KOut}, {VOut}>`",
    note = "the types of its `impl Processor<KIn, VIn, KOut, VOut>` are those of the parents' records and of what it forwards"
)]
pub trait Processor<KIn, VIn, KOut, VOut>: 'static {
    /// Once, before the first record, when the stores are restored: to ask for the stores and to schedule. Nothing can be forwarded yet.
    ///
    /// # Errors
    /// Stop the task; no handler is asked.
    fn init(&mut self, context: &mut ProcessorContext<'_, KOut, VOut>) -> ProcessorResult {
        let _ = context;
        Ok(())
    }

    /// Takes a record.
    ///
    /// # Errors
    /// Go to the processing exception handler: the record is dropped and counted, or the task stops. What was forwarded and written before stays.
    fn process(&mut self, context: &mut ProcessorContext<'_, KOut, VOut>, record: Record<KIn, VIn>) -> ProcessorResult;

    /// Once, when the task is closed: to let go of what is not memory. Stores can still be read; what is written to them is no longer
    /// committed. Not called where `init` was not.
    fn close(&mut self) {}
}

/// A closure is a processor without `init` and `close`: `|context: &mut ProcessorContext<'_, KOut, VOut>, record: Record<KIn, VIn>|`.
impl<KIn, VIn, KOut, VOut, F> Processor<KIn, VIn, KOut, VOut> for F
where
    F: FnMut(&mut ProcessorContext<'_, KOut, VOut>, Record<KIn, VIn>) -> ProcessorResult + 'static,
{
    fn process(&mut self, context: &mut ProcessorContext<'_, KOut, VOut>, record: Record<KIn, VIn>) -> ProcessorResult {
        self(context, record)
    }
}

/// Tells an error of the library that passed through user code from one of the user's own.
#[cold]
pub(super) fn unwrapped(error: Box<dyn Error + Send + Sync>) -> StreamsError {
    match error.downcast::<StreamsError>() {
        Ok(error) => *error,
        Err(error) => StreamsError::User(error),
    }
}

/// Calls the `close` of a processor or store. A panic ends here: the task is being closed already, perhaps because of one.
pub(super) fn close(name: &str, close: impl FnOnce()) {
    if std::panic::catch_unwind(std::panic::AssertUnwindSafe(close)).is_err() {
        tracing::error!("a panic in the close of {name}; closing goes on");
    }
}
