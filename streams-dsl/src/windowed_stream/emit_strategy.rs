/// When a windowed aggregation sends on its results (KIP-825).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum EmitStrategy {
    /// Whenever a window's result changes, as far as the store's cache does not hold it back. The default.
    #[default]
    OnWindowUpdate,
    /// Once, when the window has closed: its end and the grace are over by the stream time. Without later records nothing closes.
    OnWindowClose,
}
