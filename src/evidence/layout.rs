//! The byte layout of records: whole numbers big-endian, texts and lists after their length; one way to write each.

use jiff::Timestamp;

/// Why bytes are no record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// They end too early.
    #[error("it ends too early")]
    Short,
    /// Something follows the record's end.
    #[error("{0} bytes follow its end")]
    Long(usize),
    /// A text that is no UTF-8.
    #[error("a text in it is no UTF-8")]
    NotText,
    /// A version that this program does not know.
    #[error("its version {0} is not known")]
    Version(u8),
    /// A kind that this version does not have.
    #[error("its kind {0} is not known")]
    Kind(u8),
    /// A time beyond the years that there are.
    #[error("a time in it cannot be")]
    Time,
}

/// Bytes being written.
#[derive(Debug, Default)]
pub(super) struct Out(pub(super) Vec<u8>);

impl Out {
    pub(super) fn byte(&mut self, byte: u8) -> &mut Self {
        self.0.push(byte);
        self
    }

    pub(super) fn number(&mut self, number: u64) -> &mut Self {
        self.bytes(&number.to_be_bytes())
    }

    /// Nanoseconds since 1970.
    pub(super) fn time(&mut self, at: Timestamp) -> &mut Self {
        let nanoseconds = i64::try_from(at.as_nanosecond()).unwrap_or(i64::MAX);
        self.bytes(&nanoseconds.to_be_bytes())
    }

    /// Bytes of a length that the reader knows.
    pub(super) fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.extend_from_slice(bytes);
        self
    }

    /// Its length in four bytes, then its bytes.
    pub(super) fn text(&mut self, text: &str) -> &mut Self {
        self.count(text.len()).bytes(text.as_bytes())
    }

    pub(super) fn count(&mut self, count: usize) -> &mut Self {
        self.bytes(&u32::try_from(count).unwrap_or(u32::MAX).to_be_bytes())
    }
}

/// Bytes being read.
#[derive(Debug)]
pub(super) struct In<'a>(&'a [u8]);

impl<'a> In<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(Malformed::Short)?;
        self.0 = rest;
        Ok(taken)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    pub(super) fn byte(&mut self) -> Result<u8, Malformed> {
        Ok(self.array::<1>()?[0])
    }

    pub(super) fn number(&mut self) -> Result<u64, Malformed> {
        Ok(u64::from_be_bytes(self.array()?))
    }

    pub(super) fn time(&mut self) -> Result<Timestamp, Malformed> {
        let nanoseconds = i64::from_be_bytes(self.array()?);
        Timestamp::from_nanosecond(i128::from(nanoseconds)).map_err(|_| Malformed::Time)
    }

    pub(super) fn count(&mut self) -> Result<usize, Malformed> {
        Ok(u32::from_be_bytes(self.array()?) as usize)
    }

    pub(super) fn text(&mut self) -> Result<String, Malformed> {
        let count = self.count()?;
        let text = std::str::from_utf8(self.take(count)?).map_err(|_| Malformed::NotText)?;
        Ok(text.to_owned())
    }

    /// Nothing may follow.
    pub(super) fn end(&self) -> Result<(), Malformed> {
        if self.0.is_empty() { Ok(()) } else { Err(Malformed::Long(self.0.len())) }
    }
}
