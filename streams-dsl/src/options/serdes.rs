use streams_core::serde::{DefaultSerde, SerdeRef};

/// A serde as options name it.
pub(crate) struct SerdeChoice<T> {
    /// Named by the user.
    explicit: Option<SerdeRef<T>>,
    /// The type's own, used where nothing else is known.
    default: Option<SerdeRef<T>>,
}

impl<T> Clone for SerdeChoice<T> {
    fn clone(&self) -> Self {
        Self { explicit: self.explicit.clone(), default: self.default.clone() }
    }
}

impl<T> SerdeChoice<T> {
    /// None is named.
    pub(crate) fn unknown() -> Self {
        Self { explicit: None, default: None }
    }

    /// This one.
    pub(crate) fn explicit(serde: SerdeRef<T>) -> Self {
        Self { explicit: Some(serde), default: None }
    }

    /// The type's own, unless the stream above knows better.
    pub(crate) fn default_of() -> Self
    where
        T: DefaultSerde,
    {
        Self { explicit: None, default: Some(T::default_serde()) }
    }

    /// The serde to use, where `inherited` is that of the stream above.
    pub(crate) fn resolve(&self, inherited: Option<&SerdeRef<T>>) -> Option<SerdeRef<T>> {
        self.explicit.as_ref().or(inherited).or(self.default.as_ref()).cloned()
    }
}

/// Writes the ways to make options of type `$options`, and the setters that all of them have. The type has the fields
/// `name`, `key` and `value`; `$more` sets the others.
macro_rules! common_options {
    ($options:ident, $name_is:literal, { $($more:tt)* }) => {
        impl<K: 'static, V: 'static> $options<K, V> {
            /// Nothing is said: generated name, and the serdes of the stream above.
            pub fn new() -> Self {
                Self {
                    name: None,
                    key: $crate::options::SerdeChoice::unknown(),
                    value: $crate::options::SerdeChoice::unknown(),
                    $($more)*
                }
            }

            #[doc = concat!("A name (", $name_is, "), with the serdes of the stream above, or else the types' default serdes.")]
            pub fn named(name: impl Into<String>) -> Self
            where
                K: streams_core::serde::DefaultSerde,
                V: streams_core::serde::DefaultSerde,
            {
                Self::defaults().with_name(name)
            }

            /// The serdes of the stream above, or else the types' default serdes.
            pub(crate) fn defaults() -> Self
            where
                K: streams_core::serde::DefaultSerde,
                V: streams_core::serde::DefaultSerde,
            {
                Self {
                    key: $crate::options::SerdeChoice::default_of(),
                    value: $crate::options::SerdeChoice::default_of(),
                    ..Self::new()
                }
            }

            /// These serdes.
            pub fn with(
                key: impl streams_core::serde::Serde<K>,
                value: impl streams_core::serde::Serde<V>,
            ) -> Self {
                Self::new().with_key_serde(key).with_value_serde(value)
            }

            #[doc = concat!("Sets the name: ", $name_is, ".")]
            #[must_use]
            pub fn with_name(mut self, name: impl Into<String>) -> Self {
                self.name = Some(name.into());
                self
            }

            /// Sets the serde of the keys.
            #[must_use]
            pub fn with_key_serde(mut self, serde: impl streams_core::serde::Serde<K>) -> Self {
                self.key = $crate::options::SerdeChoice::explicit(std::sync::Arc::new(serde));
                self
            }

            /// Sets the serde of the values.
            #[must_use]
            pub fn with_value_serde(mut self, serde: impl streams_core::serde::Serde<V>) -> Self {
                self.value = $crate::options::SerdeChoice::explicit(std::sync::Arc::new(serde));
                self
            }
        }

        impl<K: 'static, V: 'static> Default for $options<K, V> {
            fn default() -> Self {
                Self::new()
            }
        }
    };
}

pub(crate) use common_options;
