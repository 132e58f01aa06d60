use std::cell::Cell;

use tokio::time::{Instant, timeout_at};

use crate::GroupError;
use crate::calls::{Coordinates, FindCoordinator};
use crate::config::Address;
use crate::connection::{self, Settings};

/// The brokers to ask for a coordinator.
pub(super) struct Bootstrap {
    servers: Vec<Address>,
    /// The one to ask next: the last one that answered, or the one after the last one that did not.
    next: Cell<usize>,
    pub(super) settings: Settings,
}

impl Bootstrap {
    pub(super) fn new(servers: Vec<Address>, settings: Settings) -> Self {
        Self { servers, next: Cell::new(0), settings }
    }

    /// Asks one broker after the other, each once, until one knows the group's coordinator.
    ///
    /// # Errors
    /// What the last broker asked answered; [`GroupError::Disconnected`] also when the coordinator is not available yet.
    pub(super) async fn find_coordinator(&self, group_id: &str) -> Result<Address, GroupError> {
        let mut result = Err(GroupError::Disconnected);
        for _ in &self.servers {
            let place = self.next.get();
            // Moved on before asking: whoever gives up waiting leaves the next server to those who come after.
            self.next.set((place + 1) % self.servers.len());
            result = self.ask(&self.servers[place], group_id).await;
            match result {
                Err(GroupError::Disconnected | GroupError::Malformed(_) | GroupError::UnsupportedVersion { .. }) => {}
                // Any other refusal is final: the other brokers say the same.
                _ => {
                    self.next.set(place);
                    break;
                }
            }
        }
        result
    }

    async fn ask(&self, server: &Address, group_id: &str) -> Result<Address, GroupError> {
        let deadline = Instant::now() + self.settings.setup_timeout;
        let asked = async {
            let connection = connection::connect(server, &self.settings).await?;
            let call = FindCoordinator { kind: Coordinates::Group, key: group_id.to_owned() };
            connection.call(&call, deadline).await?.map_err(GroupError::from)
        };
        match timeout_at(deadline, asked).await {
            Ok(Err(GroupError::Timeout)) | Err(_) => Err(GroupError::Disconnected),
            Ok(result) => result,
        }
    }
}
