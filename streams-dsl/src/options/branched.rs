use crate::KStream;
use crate::data::Data;

/// What becomes of a branch of a split stream: its name, and what is done with it on the spot.
pub struct Branched<K, V> {
    pub(crate) name: Option<String>,
    pub(crate) chain: Chain<K, V>,
}

/// What is done with a branch.
pub(crate) enum Chain<K, V> {
    /// It is in the map of branches.
    Keep,
    /// What the function makes of it is in the map.
    Function(Box<dyn FnOnce(KStream<K, V>) -> KStream<K, V>>),
    /// It is given away, and not in the map.
    Consumer(Box<dyn FnOnce(KStream<K, V>)>),
}

impl<K: Data, V: Data> Branched<K, V> {
    /// A branch named after its number: 1 for the first, 0 for the default branch.
    pub fn new() -> Self {
        Self { name: None, chain: Chain::Keep }
    }

    /// A branch with a name; the name of the split comes before it.
    pub fn named(name: impl Into<String>) -> Self {
        Self::new().with_name(name)
    }

    /// Sets the branch's name.
    #[must_use]
    pub fn with_name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Continues the branch at once; the map of branches has what `chain` returns.
    #[must_use]
    pub fn with_function(mut self, chain: impl FnOnce(KStream<K, V>) -> KStream<K, V> + 'static) -> Self {
        self.chain = Chain::Function(Box::new(chain));
        self
    }

    /// Finishes the branch at once; the map of branches does not have it.
    #[must_use]
    pub fn with_consumer(mut self, chain: impl FnOnce(KStream<K, V>) + 'static) -> Self {
        self.chain = Chain::Consumer(Box::new(chain));
        self
    }
}

impl<K: Data, V: Data> Default for Branched<K, V> {
    fn default() -> Self {
        Self::new()
    }
}
