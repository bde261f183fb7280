//! The table's part for `Idempotency-Key`: why a request with a key is not carried out.

use actix_web::http::StatusCode;

use crate::base::limits;

/// Why a request with a key is not carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    /// It can be no key.
    Bad,
    /// It was sent with another request before.
    Other,
    /// Its request is under way: seconds until it is over at the latest.
    UnderWay(u64),
    /// Its request was carried out, and the answer was too large to be kept.
    AnswerGone,
}

impl Key {
    /// One of each, for tests.
    #[cfg(test)]
    pub(super) fn one_of_each() -> [Self; 4] {
        [Self::Bad, Self::Other, Self::UnderWay(3), Self::AnswerGone]
    }

    pub(super) fn status(self) -> StatusCode {
        match self {
            Self::Bad => StatusCode::BAD_REQUEST,
            Self::Other => StatusCode::UNPROCESSABLE_ENTITY,
            Self::UnderWay(_) | Self::AnswerGone => StatusCode::CONFLICT,
        }
    }

    pub(super) fn message(self) -> String {
        match self {
            Self::Bad => format!(
                "`Idempotency-Key` must be one text of 1 to {} visible characters, such as a UUID",
                limits::IDEMPOTENCY_KEY_BYTES_MAX
            ),
            Self::Other => {
                "this `Idempotency-Key` was sent with another request: send what differs under a key of \
                            its own"
                    .into()
            }
            Self::UnderWay(_) => {
                "the request of this `Idempotency-Key` is under way: send it again after Retry-After, \
                                  for its answer"
                    .into()
            }
            Self::AnswerGone => {
                "the request of this `Idempotency-Key` was carried out, and its answer was too large \
                                 to be kept: read what came of it"
                    .into()
            }
        }
    }

    pub(super) fn retry_after(self) -> Option<u64> {
        // It is over long before its claim is, most often.
        if let Self::UnderWay(seconds) = self { Some(seconds.clamp(1, 5)) } else { None }
    }
}
