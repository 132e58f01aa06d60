use std::cell::Cell;
use std::rc::Rc;

/// What later steps want of a table, known in full only when the topology is built.
pub(crate) struct TableState {
    materialized: Rc<Cell<bool>>,
    send_old: Cell<bool>,
    /// Whether the store keeps the row before each change: for changes that carry it, or for those who read what was sent downstream.
    keep_prior: Rc<Cell<bool>>,
    /// The history of the versioned store that it is kept in, in milliseconds.
    history: Cell<Option<i64>>,
    origin: Origin,
}

/// Where the rows of a table come from.
enum Origin {
    /// A topic or a stream: there is a row before only where the rows are kept.
    Records,
    /// Another table, row by row, with a store of its own or none.
    Table(Rc<TableState>),
    /// Two tables. The row before can always be computed, from their rows before.
    Join([Rc<TableState>; 2]),
}

impl TableState {
    /// A table that is read from a topic or a stream; it can be materialized when a later step needs its rows.
    pub(crate) fn source(materialized: bool) -> Rc<Self> {
        Self::new(materialized, Origin::Records)
    }

    /// A table whose rows are always kept.
    pub(crate) fn aggregate() -> Rc<Self> {
        Self::source(true)
    }

    /// A table computed row by row from another, with a store of its own or none.
    pub(crate) fn derived(parent: &Rc<Self>, materialized: bool) -> Rc<Self> {
        Self::new(materialized, Origin::Table(Rc::clone(parent)))
    }

    /// A table that joins two, with a store of its own or none.
    pub(crate) fn join(left: &Rc<Self>, right: &Rc<Self>, materialized: bool) -> Rc<Self> {
        Self::new(materialized, Origin::Join([Rc::clone(left), Rc::clone(right)]))
    }

    fn new(materialized: bool, origin: Origin) -> Rc<Self> {
        Rc::new(Self {
            materialized: flag(materialized),
            send_old: Cell::new(false),
            keep_prior: flag(false),
            history: Cell::new(None),
            origin,
        })
    }

    /// The same table, in a store of this history: a versioned one, if there is one.
    pub(crate) fn with_history(self: Rc<Self>, history: Option<i64>) -> Rc<Self> {
        self.history.set(history);
        self
    }

    /// For how long back the rows are known that the table had, in milliseconds; none where it is not versioned. A table computed row by row without
    /// a store of its own is so where the one above is.
    pub(crate) fn history(&self) -> Option<i64> {
        match &self.origin {
            Origin::Table(parent) if !self.materialized.get() => parent.history(),
            _ => self.history.get(),
        }
    }

    /// Asks for changes that carry the row before, wherever it must be kept for that.
    pub(crate) fn enable_sending_old_values(&self) {
        self.send_old_values(true);
    }

    /// Asks for changes that carry the row before if nothing has to be kept that is not kept already; answers whether they do.
    pub(crate) fn send_old_values_if_kept(&self) -> bool {
        self.send_old_values(false)
    }

    fn send_old_values(&self, keep: bool) -> bool {
        if self.send_old.get() {
            return true;
        }
        let sends = match &self.origin {
            Origin::Records => keep || self.materialized.get(),
            Origin::Table(parent) => self.materialized.get() || parent.send_old_values(keep),
            Origin::Join(sides) => {
                sides.iter().for_each(|side| side.enable_sending_old_values());
                true
            }
        };
        if let (Origin::Records, true) = (&self.origin, sends) {
            self.materialized.set(true);
        }
        self.set_send_old(sends);
        sends
    }

    /// Says whether changes carry the row before.
    pub(crate) fn set_send_old(&self, sends: bool) {
        self.send_old.set(sends);
        self.keep_prior.set(self.keep_prior.get() || sends);
    }

    /// Has the rows be kept, so that another step can read them.
    pub(crate) fn materialize(&self) {
        self.materialized.set(true);
        self.keep_prior.set(true);
    }

    pub(crate) fn materialized(&self) -> Rc<Cell<bool>> {
        Rc::clone(&self.materialized)
    }

    pub(crate) fn keep_prior(&self) -> Rc<Cell<bool>> {
        Rc::clone(&self.keep_prior)
    }

    pub(crate) fn is_materialized(&self) -> bool {
        self.materialized.get()
    }

    pub(crate) fn sends_old(&self) -> bool {
        self.send_old.get()
    }
}

fn flag(value: bool) -> Rc<Cell<bool>> {
    Rc::new(Cell::new(value))
}
