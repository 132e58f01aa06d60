/// What a key or value of a stream must be: it can be copied for each branch that wants it, and borrows nothing.
///
/// Every such type is `Data` by itself.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a key or value of a stream or table",
    label = "not `Clone + 'static`",
    note = "keys and values implement `Clone` and own what they hold; derive `Clone`, or wrap the value in an `Arc`"
)]
pub trait Data: Clone + 'static {}

impl<T: Clone + 'static> Data for T {}
