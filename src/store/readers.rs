//! A few connections that only read, lent out one query at a time.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Semaphore;

use super::Error;
use super::session::Session;

/// The readers; cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Readers {
    idle: Arc<Mutex<Vec<Session>>>,
    permits: Arc<Semaphore>,
}

impl Readers {
    pub(super) fn open(count: usize, open: impl Fn() -> Result<Session, Error>) -> Result<Self, Error> {
        let sessions = (0..count).map(|_| open()).collect::<Result<Vec<_>, _>>()?;
        let permits = Arc::new(Semaphore::new(sessions.len()));
        Ok(Self { idle: Arc::new(Mutex::new(sessions)), permits })
    }

    /// Runs a query off the event loop, as soon as a reader is idle.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        query: impl FnOnce(&Session) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let closed = || Error::Unavailable("it is closing".into());
        let permit = Arc::clone(&self.permits).acquire_owned().await.map_err(|_| closed())?;
        let idle = Arc::clone(&self.idle);
        let run = tokio::task::spawn_blocking(move || {
            let session = idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let session = session.ok_or_else(|| Error::Unavailable("no reader is open".into()))?;
            let answer = query(&session);
            idle.lock().unwrap_or_else(PoisonError::into_inner).push(session);
            drop(permit);
            answer
        });
        run.await.map_err(|_| closed())?
    }

    pub(super) fn close(&self) {
        self.permits.close();
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}
