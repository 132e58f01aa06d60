use crate::data::Data;
use crate::nulls::NullCheck;
use std::sync::Arc;
use streams_core::error::StreamsError;
use streams_core::processor::{Downstream, Node, Operator, TaskContext};
use streams_core::record::Record;
use streams_core::store::Change;

/// Gives each changed row its group: one change where the old and the new row are of one group, else a change for each of the two groups, the
/// old one's first.
///
/// Changes of the past are passed over. Rows that the selector gives a null key or a null value belong to no group.
pub(crate) struct TableSelect<K2, V2, F> {
    selector: Arc<F>,
    nulls: (Option<NullCheck<K2>>, Option<NullCheck<V2>>),
    downstream: Downstream<K2, Change<V2>>,
}

impl<K2, V2, F> TableSelect<K2, V2, F> {
    pub(crate) fn new(
        selector: Arc<F>,
        nulls: (Option<NullCheck<K2>>, Option<NullCheck<V2>>),
        downstream: Downstream<K2, Change<V2>>,
    ) -> Self {
        Self { selector, nulls, downstream }
    }

    fn select<K, V>(&mut self, key: &K, row: Option<V>) -> Result<Option<(K2, V2)>, StreamsError>
    where
        K2: 'static,
        V2: 'static,
        F: Fn(&K, V) -> Result<(K2, V2), StreamsError>,
    {
        let Some(row) = row else { return Ok(None) };
        let (key, value) = (self.selector)(key, row)?;
        let (keys, values) = &mut self.nulls;
        let null_key = keys.as_mut().map_or(Ok(false), |nulls| nulls.is_null(&key))?;
        let null_value = values.as_mut().map_or(Ok(false), |nulls| nulls.is_null(&value))?;
        Ok((!null_key && !null_value).then_some((key, value)))
    }
}

impl<K2: Data, V2: Data, F: 'static> Operator for TableSelect<K2, V2, F> {}

impl<K, V, K2, V2, F> Node<K, Change<V>> for TableSelect<K2, V2, F>
where
    K: Data,
    V: Data,
    K2: Data + PartialEq,
    V2: Data,
    F: Fn(&K, V) -> Result<(K2, V2), StreamsError> + 'static,
{
    fn process(&mut self, context: &mut TaskContext, record: Record<K, Change<V>>) -> Result<(), StreamsError> {
        if !context.is_latest {
            return Ok(());
        }
        let Record { key, value: Change { old, new }, timestamp, headers } = record;
        let new = self.select(&key, new)?;
        let old = self.select(&key, old)?;
        match (old, new) {
            (Some((old_key, old)), Some((key, new))) if old_key == key => {
                let value = Change { old: Some(old), new: Some(new) };
                self.downstream.forward(context, Record { key, value, timestamp, headers })
            }
            (old, new) => {
                if let Some((key, old)) = old {
                    let value = Change { old: Some(old), new: None };
                    self.downstream.forward(context, Record { key, value, timestamp, headers: headers.clone() })?;
                }
                match new {
                    Some((key, new)) => {
                        let value = Change { old: None, new: Some(new) };
                        self.downstream.forward(context, Record { key, value, timestamp, headers })
                    }
                    None => Ok(()),
                }
            }
        }
    }
}
