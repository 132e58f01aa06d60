use super::{Node, TaskContext};
use crate::error::StreamsError;
use crate::record::Record;
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

/// A node, shared between its parents.
pub type NodeRef<K, V> = Rc<RefCell<dyn Node<K, V>>>;

/// One child of a node, with its name for messages.
pub struct Child<K, V> {
    name: Arc<str>,
    node: NodeRef<K, V>,
}

impl<K, V> Clone for Child<K, V> {
    fn clone(&self) -> Self {
        Self { name: Arc::clone(&self.name), node: Rc::clone(&self.node) }
    }
}

impl<K: 'static, V: 'static> Child<K, V> {
    /// Names `node`.
    pub fn new(name: Arc<str>, node: NodeRef<K, V>) -> Self {
        Self { name, node }
    }

    /// Hands the record to the child. An error goes to the processing exception handler, once, at the node where it arose.
    #[inline(always)]
    fn process(&self, context: &mut TaskContext, record: Record<K, V>) -> Result<(), StreamsError> {
        match self.node.borrow_mut().process(context, record) {
            Ok(()) => Ok(()),
            Err(error) => context.handle_processing_error(&self.name, error),
        }
    }
}

/// The children of a node. None is fine: what is forwarded then ends here.
pub struct Downstream<K, V> {
    children: Box<[Child<K, V>]>,
}

impl<K: Clone + 'static, V: Clone + 'static> Downstream<K, V> {
    /// Links to `children`, in the order in which they shall get each record.
    pub fn new(children: Vec<Child<K, V>>) -> Self {
        Self { children: children.into() }
    }

    /// Whether nothing comes after.
    pub fn is_empty(&self) -> bool {
        self.children.is_empty()
    }

    /// Hands the record to each child in turn; the last one gets the record itself, the others a clone.
    ///
    /// # Errors
    /// The first that the processing exception handler does not let pass.
    #[inline(always)] // With one child it is its call and no more: measured, a record is else copied once more per node.
    pub fn forward(&self, context: &mut TaskContext, record: Record<K, V>) -> Result<(), StreamsError> {
        match &*self.children {
            [child] => child.process(context, record),
            children => forward_to_all(children, context, record),
        }
    }

    /// Hands the record to child number `index` only.
    ///
    /// # Errors
    /// As [`forward`](Self::forward).
    pub fn forward_to(
        &self,
        index: usize,
        context: &mut TaskContext,
        record: Record<K, V>,
    ) -> Result<(), StreamsError> {
        match self.children.get(index) {
            Some(child) => child.process(context, record),
            None => Ok(()),
        }
    }
}

#[inline(never)]
fn forward_to_all<K: Clone + 'static, V: Clone + 'static>(
    children: &[Child<K, V>],
    context: &mut TaskContext,
    record: Record<K, V>,
) -> Result<(), StreamsError> {
    let Some((last, others)) = children.split_last() else { return Ok(()) };
    for child in others {
        child.process(context, record.clone())?;
    }
    last.process(context, record)
}
