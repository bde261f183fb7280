//! Faults on demand: what a test, or `POST /simulator/faults`, asks DocuSign to do wrong.

use serde::{Deserialize, Serialize};

use crate::base::{Dice, limits};

/// What goes wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum FaultKind {
    /// An answer with this status and an `errorDetails` body.
    Status {
        /// The status.
        status: u16,
        /// `Retry-After`, in seconds (DocuSign documents none).
        #[serde(default)]
        retry_after: Option<u64>,
    },
    /// The answer of an account whose hourly calls are used up: 429 or 400, as set.
    Throttle,
    /// The answer of an account that made too many calls within 30 seconds.
    ThrottleBurst,
    /// The answer to a dead token.
    Unauthorized,
    /// The right answer, so much later.
    Slow {
        /// Milliseconds.
        ms: u64,
    },
    /// Half of the right answer, and then the connection ends.
    Truncate,
    /// No answer: the connection ends.
    Reset,
}

/// A fault, and how often and where it happens.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fault {
    /// What goes wrong.
    #[serde(flatten)]
    pub kind: FaultKind,
    /// For so many calls; for ever where absent.
    #[serde(default)]
    pub times: Option<u32>,
    /// With this probability for each call; always where absent.
    #[serde(default = "always")]
    pub probability: f64,
    /// Only for calls whose name (`GET /envelopes/{envelope}`) has this in it.
    #[serde(default)]
    pub call: Option<String>,
}

fn always() -> f64 {
    1.0
}

impl Fault {
    /// A fault of every call from now on.
    pub fn always(kind: FaultKind) -> Self {
        Self { kind, times: None, probability: 1.0, call: None }
    }

    /// A fault of the next `times` calls.
    pub fn next(times: u32, kind: FaultKind) -> Self {
        Self { times: Some(times), ..Self::always(kind) }
    }

    /// The same, for calls whose name has `call` in it.
    pub fn of(self, call: &str) -> Self {
        Self { call: Some(call.to_owned()), ..self }
    }
}

/// The faults in force.
#[derive(Debug, Default)]
pub(super) struct Faults(Vec<Fault>);

impl Faults {
    /// Adds a fault; false where there are too many.
    pub(super) fn add(&mut self, fault: Fault) -> bool {
        let room = self.0.len() < limits::SIMULATOR_FAULTS_MAX;
        if room {
            self.0.push(fault);
        }
        room
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    pub(super) fn all(&self) -> &[Fault] {
        &self.0
    }

    /// What goes wrong with this call: delays as they come, and the first other fault.
    pub(super) fn draw(&mut self, call: &str, dice: &Dice) -> Vec<FaultKind> {
        let mut drawn = Vec::new();
        for fault in &mut self.0 {
            let meant = fault.call.as_deref().is_none_or(|part| call.contains(part));
            if !meant || fault.times == Some(0) || !dice.chance(fault.probability) {
                continue;
            }
            if let Some(times) = &mut fault.times {
                *times -= 1;
            }
            drawn.push(fault.kind.clone());
            if !matches!(fault.kind, FaultKind::Slow { .. }) {
                break;
            }
        }
        self.0.retain(|fault| fault.times != Some(0));
        drawn
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_for_two_calls_hits_two_calls_of_its_name_and_no_other() {
        let mut faults = Faults::default();
        faults.add(Fault::next(2, FaultKind::Reset).of("/documents"));
        let dice = Dice::seeded(1);
        assert_eq!(faults.draw("GET /envelopes", &dice), []);
        assert_eq!(faults.draw("GET /envelopes/{envelope}/documents", &dice), [FaultKind::Reset]);
        assert_eq!(faults.draw("GET /envelopes/{envelope}/documents", &dice), [FaultKind::Reset]);
        assert_eq!(faults.draw("GET /envelopes/{envelope}/documents", &dice), []);
        assert!(faults.all().is_empty());
    }

    #[test]
    fn a_delay_comes_along_with_another_fault() {
        let mut faults = Faults::default();
        faults.add(Fault::always(FaultKind::Slow { ms: 5 }));
        faults.add(Fault::always(FaultKind::Truncate));
        faults.add(Fault::always(FaultKind::Reset));
        let drawn = faults.draw("GET /envelopes", &Dice::seeded(1));
        assert_eq!(drawn, [FaultKind::Slow { ms: 5 }, FaultKind::Truncate]);
    }

    #[test]
    fn faults_are_read_as_the_simulators_own_call_takes_them() {
        let read: Fault =
            serde_json::from_str(r#"{"kind":"status","status":503,"times":3,"call":"/oauth"}"#).unwrap();
        let wanted = FaultKind::Status { status: 503, retry_after: None };
        assert_eq!(read, Fault::next(3, wanted).of("/oauth"));
    }
}
