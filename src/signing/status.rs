//! The statuses of signing requests and participants, and how far each one is along its life.

use serde::{Deserialize, Serialize};

macro_rules! statuses {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident $id:literal $label:literal $rank:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(rename_all = "lowercase")]
        pub enum $name { $($(#[$vdoc])* $variant,)* }

        impl $name {
            /// All statuses, in the order of a life.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The status's word in routing keys and bodies.
            pub fn id(self) -> &'static str {
                match self { $(Self::$variant => $id,)* }
            }

            /// The status's name for people.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $label,)* }
            }

            /// How far along its life; equal ranks exclude one another.
            pub fn rank(self) -> u8 {
                match self { $(Self::$variant => $rank,)* }
            }

            /// The status with that word, in any case.
            pub fn from_id(text: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|s| s.id().eq_ignore_ascii_case(text.trim()))
            }

            /// This status as one bit of a set of statuses.
            pub fn bit(self) -> u16 {
                1 << (self as u16)
            }
        }
    };
}

statuses! {
    /// Where a signing request stands. Ranks order the life; [`Self::Correct`] lies beside it (see
    /// [`crate::signing::State`]).
    SigningRequestStatus {
        /// A draft.
        Created "created" "Created" 0,
        /// At least one participant was notified.
        Sent "sent" "Sent" 1,
        /// Being corrected by its sender: in flight, and back to `sent` afterwards.
        Correct "correct" "Being corrected" 1,
        /// All participants have opened it ("viewed").
        Delivered "delivered" "Viewed" 2,
        /// All have signed; transient before completed.
        Signed "signed" "Signed" 3,
        /// Finished.
        Completed "completed" "Completed" 4,
        /// A participant declined.
        Declined "declined" "Declined" 4,
        /// The sender voided it, or it expired.
        Voided "voided" "Voided" 4,
        /// Deleted or discarded; may follow any other.
        Deleted "deleted" "Deleted" 5,
    }
}

statuses! {
    /// Where a participant stands.
    ParticipantStatus {
        /// Not notified yet.
        Created "created" "Created" 0,
        /// Notified.
        Sent "sent" "Sent" 1,
        /// The notification bounced or was answered by a machine; may still be viewed.
        Autoresponded "autoresponded" "Auto-responded" 2,
        /// Has opened it ("viewed").
        Delivered "delivered" "Viewed" 3,
        /// Has signed; transient before completed.
        Signed "signed" "Signed" 4,
        /// Finished.
        Completed "completed" "Completed" 5,
        /// Declined.
        Declined "declined" "Declined" 5,
    }
}

impl SigningRequestStatus {
    /// True for completed, declined and voided, which never change into one another.
    pub fn is_final(self) -> bool {
        self.rank() == 4
    }

    /// True for those and for deleted: it came to its end.
    pub fn is_over(self) -> bool {
        self.rank() >= 4
    }
}

impl ParticipantStatus {
    /// True for completed and declined, which never change into one another.
    pub fn is_final(self) -> bool {
        self.rank() == 5
    }
}
