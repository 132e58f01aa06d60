use super::cluster::Cluster;
use super::routes::Routes;
use super::segment::NO_TRANSACTION;
use super::settings::ProducerSettings;
use super::transactional::Transactional;
use crate::broker::{BrokerError, BrokerErrorKind, Delivery, Producer};
use crate::record::OutputBatch;
use kafka_client::group::{CommittedOffset, MemberIdentity};
use std::sync::Arc;
use std::time::Duration;

/// Writes to an [`EmbeddedBroker`](super::EmbeddedBroker).
///
/// Records are in the log when [`send`](Producer::send) returns; so a flush never waits.
#[derive(Debug)]
pub struct EmbeddedProducer {
    cluster: Arc<Cluster>,
    settings: ProducerSettings,
    routes: Routes,
    /// None without `transactional.id`.
    transactional: Option<Transactional>,
    failures: Vec<Delivery>,
    /// Where a mark is set: what was acknowledged before it and not told yet.
    before_mark: Option<Vec<Delivery>>,
}

impl EmbeddedProducer {
    pub(super) fn new(cluster: Arc<Cluster>, settings: ProducerSettings) -> Self {
        let transactional = settings
            .transactional_id
            .as_deref()
            .map(|id| Transactional::new(Arc::clone(&cluster), id, settings.transaction_timeout_ms));
        let routes = Routes::new(Arc::clone(&cluster));
        Self { routes, cluster, settings, transactional, failures: Vec::new(), before_mark: None }
    }

    fn transactional(&mut self) -> Result<&mut Transactional, BrokerError> {
        self.transactional.as_mut().ok_or_else(|| {
            let message = "the producer has no transactional.id; set one";
            BrokerError::new(BrokerErrorKind::Fatal, "using transactions", message)
        })
    }

    /// Waits for room; a manual clock does not wait, since nobody else may be there to make any.
    fn wait_for_room(&self) -> Result<(), BrokerError> {
        let wait = if self.cluster.clock.is_manual() { Duration::ZERO } else { self.settings.max_block };
        if self.cluster.capacity.wait_for_room(wait) {
            return Ok(());
        }
        let message = format!(
            "the embedded broker holds its limit of {} bytes; delete records or topics, or give it a larger capacity_bytes",
            self.cluster.capacity.limit()
        );
        Err(BrokerError::new(BrokerErrorKind::Retriable, "producing", message))
    }

    /// Appends everything, in no transaction.
    fn send_plain(&mut self, batch: &OutputBatch) {
        self.routes.sort(batch, self.settings.max_request_size, &mut self.failures);
        self.routes.append(batch, NO_TRANSACTION, |_| {}, &mut self.failures);
    }
}

impl Producer for EmbeddedProducer {
    fn send(&mut self, batch: &mut OutputBatch) -> Result<(), BrokerError> {
        if batch.is_empty() {
            return Ok(());
        }
        self.cluster.check_reachable("producing")?;
        self.wait_for_room()?;
        match &mut self.transactional {
            None => self.send_plain(batch),
            Some(transactional) => {
                transactional.send(batch, self.settings.max_request_size, &mut self.routes, &mut self.failures)?;
            }
        }
        batch.clear();
        Ok(())
    }

    fn flush(&mut self, _timeout: Duration) -> Result<(), BrokerError> {
        Ok(())
    }

    fn mark(&mut self) {
        let mut told = self.before_mark.take().unwrap_or_default();
        let earlier = told.len();
        self.routes.acknowledgements(&mut told);
        // Of a partition that was acknowledged before an earlier mark, too, the higher offset is told.
        let later = told.split_off(earlier);
        told.retain(|known| !later.iter().any(|later| later.partition() == known.partition()));
        told.extend(later);
        self.before_mark = Some(told);
    }

    fn reach_mark(&mut self, _timeout: Duration, deliveries: &mut Vec<Delivery>) -> Result<bool, BrokerError> {
        self.deliveries(deliveries);
        self.before_mark = None;
        Ok(true)
    }

    fn deliveries(&mut self, deliveries: &mut Vec<Delivery>) {
        match &mut self.before_mark {
            Some(told) => deliveries.append(told),
            None => self.routes.acknowledgements(deliveries),
        }
        deliveries.append(&mut self.failures);
    }

    fn outstanding(&self) -> usize {
        // Records are in the log when `send` returns.
        0
    }

    fn init_transactions(&mut self, _timeout: Duration) -> Result<(), BrokerError> {
        self.transactional()?.init()
    }

    fn begin_transaction(&mut self) -> Result<(), BrokerError> {
        self.transactional()?.begin()
    }

    fn send_offsets_to_transaction(
        &mut self,
        offsets: &[CommittedOffset],
        member: &MemberIdentity,
        _timeout: Duration,
    ) -> Result<(), BrokerError> {
        self.transactional()?.send_offsets(offsets, member)
    }

    fn commit_transaction(&mut self, _timeout: Duration) -> Result<(), BrokerError> {
        self.transactional()?.commit()
    }

    fn abort_transaction(&mut self, _timeout: Duration) -> Result<(), BrokerError> {
        self.transactional()?.abort()
    }
}
