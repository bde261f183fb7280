//! x
use bytes::Bytes;
/// x
#[derive(Default)]
pub struct Elider(Vec<u8>);
#[allow(missing_docs)]
impl Elider {
    pub fn new() -> Self {
        Self::default()
    }
    pub fn push(&mut self, b: &[u8]) {
        self.0.extend_from_slice(b)
    }
    pub fn finish(self) -> Option<Bytes> {
        Some(self.0.into())
    }
}
