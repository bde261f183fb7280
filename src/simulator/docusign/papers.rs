//! The bytes of documents that were sent to the stand-in, as many as it has room for; the oldest are forgotten, and a
//! page is invented for them.

use std::collections::{HashMap, VecDeque};

use bytes::Bytes;
use uuid::Uuid;

use crate::base::limits;

/// Bytes by the document's GUID.
#[derive(Debug, Default)]
pub(super) struct Papers {
    kept: HashMap<Uuid, Bytes>,
    order: VecDeque<Uuid>,
    size: usize,
}

impl Papers {
    /// Keeps a PDF. Of anything else DocuSign would make one: a page is invented for it too.
    pub(super) fn keep(&mut self, id: Uuid, bytes: Bytes) {
        if !bytes.starts_with(b"%PDF") {
            return;
        }
        self.size += bytes.len();
        self.order.push_back(id);
        self.kept.insert(id, bytes);
        while self.size > limits::SIMULATOR_PAPERS_BYTES_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.size -= self.kept.remove(&oldest).map_or(0, |bytes| bytes.len());
        }
    }

    pub(super) fn get(&self, id: Uuid) -> Option<Bytes> {
        self.kept.get(&id).cloned()
    }
}
