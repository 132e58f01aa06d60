use std::collections::{HashMap, HashSet};
use std::fmt;
use streams_dsl::processor_api::{ChangelogWriter, ProcessorResult, StateStore};

/// What a user has done.
#[derive(Debug, Clone, Copy, Default)]
pub struct Activity {
    logins: u32,
    logouts: u32,
}

/// Users with their activity, in memory. The library keeps a row of bytes for each, and gives them back after a restart.
#[derive(Default)]
pub struct Activities {
    users: HashMap<String, Activity>,
    /// Users whose row is not up to date.
    changed: HashSet<String>,
}

impl Activities {
    /// Counts an event, and answers what the user has done so far.
    pub fn note(&mut self, user: &str, event: &str) -> Result<Activity, String> {
        let (logins, logouts) = match event {
            "login" => (1, 0),
            "logout" => (0, 1),
            _ => return Err(format!("{event} is neither login nor logout")),
        };
        let activity = self.users.entry(user.to_owned()).or_default();
        activity.logins += logins;
        activity.logouts += logouts;
        self.changed.insert(user.to_owned());
        Ok(*activity)
    }
}

impl StateStore for Activities {
    fn restore(&mut self, batch: &[(&[u8], &[u8])]) -> ProcessorResult {
        for (user, row) in batch {
            let (logins, logouts) = row.split_at_checked(4).ok_or("a row is too short")?;
            let activity = Activity {
                logins: u32::from_be_bytes(logins.try_into()?),
                logouts: u32::from_be_bytes(logouts.try_into()?),
            };
            self.users.insert(String::from_utf8(user.to_vec())?, activity);
        }
        Ok(())
    }

    fn flush(&mut self, changelog: &mut ChangelogWriter<'_>) -> ProcessorResult {
        for user in self.changed.drain() {
            let Activity { logins, logouts } = self.users[&user];
            let row = [logins.to_be_bytes(), logouts.to_be_bytes()].concat();
            changelog.put(user.as_bytes(), &row)?;
        }
        Ok(())
    }
}

/// `logins/logouts`
impl fmt::Display for Activity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.logins, self.logouts)
    }
}
