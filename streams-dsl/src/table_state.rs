use std::cell::Cell;
use std::rc::Rc;

/// What later steps want of a table, known in full only when the topology is built.
pub(crate) struct TableState {
    materialized: Rc<Cell<bool>>,
    send_old: Rc<Cell<bool>>,
    /// Where the rows come from, for a table that is computed from another.
    parent: Option<Rc<TableState>>,
}

impl TableState {
    /// A table that is read from a topic or a stream; it can be materialized when a later step needs its rows.
    pub(crate) fn source(materialized: bool) -> Rc<Self> {
        Rc::new(Self { materialized: flag(materialized), send_old: flag(false), parent: None })
    }

    /// A table whose rows are always kept.
    pub(crate) fn aggregate() -> Rc<Self> {
        Self::source(true)
    }

    /// A table computed row by row from another, with a store of its own or none.
    pub(crate) fn derived(parent: &Rc<Self>, materialized: bool) -> Rc<Self> {
        Rc::new(Self { materialized: flag(materialized), send_old: flag(false), parent: Some(Rc::clone(parent)) })
    }

    /// Asks for changes that carry the row before, wherever it must be kept for that.
    pub(crate) fn enable_sending_old_values(&self) {
        match &self.parent {
            Some(parent) if !self.materialized.get() => parent.enable_sending_old_values(),
            _ => self.materialized.set(true),
        }
        self.send_old.set(true);
    }

    pub(crate) fn materialized(&self) -> Rc<Cell<bool>> {
        Rc::clone(&self.materialized)
    }

    pub(crate) fn send_old(&self) -> Rc<Cell<bool>> {
        Rc::clone(&self.send_old)
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
