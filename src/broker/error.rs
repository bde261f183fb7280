//! What can go wrong between us and the broker. No credentials in any of it.

/// The broker's errors.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// An address that cannot be used: what is wrong and what to do.
    #[error("{0}")]
    Address(String),
    /// No broker could be reached, or none let us in: what each said.
    #[error("no broker can be reached: {0}")]
    Unreachable(String),
    /// The connection was lost on the way.
    #[error("the connection to the broker was lost: {0}")]
    Lost(String),
}

/// Why a connection that had stood was given up. Whatever was unconfirmed on it is published again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Lost {
    /// It ended, or the broker ended it or one of its channels.
    #[error("{0}")]
    Broken(String),
    /// The broker closed the channel because of a message on it: what it said.
    #[error("the broker closed the channel: {0}")]
    Rejected(String),
    /// Nothing came back in time.
    #[error("no answer in time to {0}")]
    Timeout(&'static str),
}

impl Lost {
    /// The reason's word in metrics.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Timeout(_) => "timeout",
            Self::Broken(_) | Self::Rejected(_) => "connection",
        }
    }
}

impl From<&lapin::Error> for Lost {
    /// A soft error of the channel other than `NOT_FOUND` (an exchange that is gone) is about the message itself:
    /// too large for the broker, say.
    fn from(error: &lapin::Error) -> Self {
        match error.kind() {
            lapin::ErrorKind::ProtocolError(amqp)
                if error.is_amqp_soft_error() && amqp.get_id() != NOT_FOUND =>
            {
                Self::Rejected(amqp.to_string())
            }
            lapin::ErrorKind::ProtocolError(amqp) => Self::Broken(amqp.to_string()),
            _ => Self::Broken(error.to_string()),
        }
    }
}

/// AMQP's reply codes that are told apart.
pub(super) const ACCESS_REFUSED: u16 = 403;
pub(super) const NOT_FOUND: u16 = 404;
pub(super) const PRECONDITION_FAILED: u16 = 406;
