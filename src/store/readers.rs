//! A few connections that only read, lent out one query at a time.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::task::AbortOnDropHandle;

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
    ///
    /// Where none is, its turn is waited for by a task of its own. A turn is given to the first who waits: whoever has
    /// turned to something else meanwhile, which may need a reader too, would keep it from everybody, for good.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        query: impl FnOnce(&Session) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let (idle, permits) = (Arc::clone(&self.idle), Arc::clone(&self.permits));
        let run = move |permit: OwnedSemaphorePermit| {
            tokio::task::spawn_blocking(move || {
                let session = idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
                let session = session.ok_or_else(|| Error::Unavailable("no reader is open".into()))?;
                let answer = query(&session);
                idle.lock().unwrap_or_else(PoisonError::into_inner).push(session);
                drop(permit);
                answer
            })
        };
        let ended = match Arc::clone(&permits).try_acquire_owned() {
            Ok(permit) => run(permit).await,
            Err(_) => {
                let turn = tokio::spawn(async move {
                    let permit = permits.acquire_owned().await.map_err(|_| closed())?;
                    run(permit).await.map_err(|_| closed())?
                });
                AbortOnDropHandle::new(turn).await
            }
        };
        ended.map_err(|_| closed())?
    }

    pub(super) fn close(&self) {
        self.permits.close();
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

fn closed() -> Error {
    Error::Unavailable("it is closing".into())
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use futures_util::poll;

    use super::*;

    #[tokio::test]
    async fn a_read_whose_turn_comes_while_nobody_looks_at_it_holds_up_no_other() {
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join("store.sqlite");
        drop(Session::sqlite_writer(&path).unwrap());
        let readers = Readers::open(1, || Session::sqlite_reader(&path)).unwrap();
        let (go, wait) = mpsc::channel::<()>();
        let mut first = Box::pin(readers.read(move |_| Ok(wait.recv().is_ok())));
        assert!(poll!(&mut first).is_pending());
        // It waits behind the first, and is not looked at again before the third is through.
        let mut second = Box::pin(readers.read(|_| Ok(2)));
        assert!(poll!(&mut second).is_pending());
        let mut third = Box::pin(readers.read(|_| Ok(3)));
        assert!(poll!(&mut third).is_pending());
        go.send(()).unwrap();
        let patience = Duration::from_secs(20);
        assert_eq!(tokio::time::timeout(patience, third).await.expect("its turn").unwrap(), 3);
        assert_eq!((first.await.unwrap(), second.await.unwrap()), (true, 2));
    }

    #[tokio::test]
    async fn a_read_that_is_given_up_while_it_waits_is_not_made() {
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join("store.sqlite");
        drop(Session::sqlite_writer(&path).unwrap());
        let readers = Readers::open(1, || Session::sqlite_reader(&path)).unwrap();
        let (go, wait) = mpsc::channel::<()>();
        let mut first = Box::pin(readers.read(move |_| Ok(wait.recv().is_ok())));
        assert!(poll!(&mut first).is_pending());
        let (told, made) = tokio::sync::oneshot::channel();
        let mut second = Box::pin(readers.read(move |_| Ok(told.send(()).is_ok())));
        assert!(poll!(&mut second).is_pending());
        drop(second);
        go.send(()).unwrap();
        assert!(first.await.unwrap());
        assert_eq!(readers.read(|_| Ok(3)).await.unwrap(), 3);
        // Awaited, so that the task that was given up has its turn to end.
        assert!(made.await.is_err(), "its sender went unused");
    }
}
