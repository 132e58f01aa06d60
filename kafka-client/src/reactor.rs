use std::io;
use std::thread;

use tokio::runtime;
use tokio::sync::mpsc;
use tokio::task::LocalSet;

/// A thread that owns sockets; a cheap handle that can be cloned and used from any thread.
///
/// All network input and output of the clients started on it happens on this one thread, one task per connection and a few per
/// client, so that nothing there needs a lock. It moves bytes and decides what is sent next; records are encoded, decoded, compressed
/// and checked on the threads of the clients' users. It ends when the last handle and the last client on it are dropped.
#[derive(Debug, Clone)]
pub struct Reactor {
    /// Few and small: one for each client that starts, not one for each request.
    jobs: mpsc::UnboundedSender<Job>,
}

type Job = Box<dyn FnOnce() + Send>;

impl Reactor {
    /// Starts a thread of this name.
    ///
    /// # Errors
    /// Where the system gives no thread or no event queue.
    pub fn start(name: &str) -> io::Result<Self> {
        let (jobs, receiver) = mpsc::unbounded_channel();
        let (started, start) = std::sync::mpsc::sync_channel(1);
        // The runtime is made where it ends: it must not be dropped inside another one, from which this may be called.
        thread::Builder::new().name(name.to_owned()).spawn(move || {
            match runtime::Builder::new_current_thread().enable_all().build() {
                Ok(runtime) => {
                    drop(started.send(Ok(())));
                    run(runtime, receiver);
                }
                Err(error) => drop(started.send(Err(error))),
            }
        })?;
        start.recv().unwrap_or_else(|_| Err(io::ErrorKind::Other.into()))?;
        Ok(Self { jobs })
    }

    /// Runs `job` on the thread, where it may spawn local tasks. It must not block.
    pub(crate) fn run(&self, job: impl FnOnce() + Send + 'static) {
        // The thread lives for as long as a handle does.
        let _ = self.jobs.send(Box::new(job));
    }
}

fn run(runtime: runtime::Runtime, mut jobs: mpsc::UnboundedReceiver<Job>) {
    let tasks = LocalSet::new();
    tasks.block_on(&runtime, async {
        while let Some(job) = jobs.recv().await {
            job();
        }
    });
    // Dropping what is under way answers it.
    drop(tasks);
    // A name being resolved cannot be interrupted, and nobody needs it any more.
    runtime.shutdown_background();
}
