//! The store against a model of it: the same operations to both, the same answers and the same books from both.
//!
//! In the crate, since only a receipt settles and only the crate can make one without a broker; all else goes
//! through the public door. How a store is opened is handed in, so that one suite holds for every database.

mod model;
mod operation;
mod postgres;
mod real;

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

use proptest::strategy::{Strategy as _, ValueTree as _};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use super::{Settings, Store};
use crate::signing::{ParticipantStatus, SigningRequestStatus};
use model::Model;
use operation::{Fact, Operation, SUBJECTS, Telling, lives, operations};
use real::Real;

/// Opens the store of one place, again and again: what it held before is there.
type Open = Box<dyn Fn() -> Store>;

/// Runs `cases` lives of a store (or as many as `PROPTEST_CASES` says), each in a new place: `place` makes one and
/// tells how to open it.
fn keeps_its_books(cases: u32, place: impl Fn() -> Open) {
    let said = std::env::var("PROPTEST_CASES").ok().and_then(|said| said.parse().ok());
    let config = Config { cases: said.unwrap_or(cases), failure_persistence: None, ..Config::default() };
    let lived = TestRunner::new(config).run(&lives(), |life| {
        live(place(), &life);
        Ok(())
    });
    if let Err(why) = lived {
        panic!("{why}");
    }
}

fn live(open: Open, life: &[Operation]) {
    let (mut model, mut real) = (Model::default(), Real::new(open));
    for (at, operation) in life.iter().enumerate() {
        let answer = real.perform(operation);
        assert_eq!(answer, model.perform_as(operation, &answer), "operation {at}: {operation:?}");
        assert_eq!(real.books(), model.books(), "after operation {at}: {operation:?}");
    }
    real.perform(&Operation::Crash);
    model.perform(&Operation::Crash);
    assert_eq!(real.books(), model.books(), "after the last crash");
    assert_eq!(real.examined().findings, [], "the chain of evidence holds, whatever happened");
}

fn sqlite(folder: &Path) -> Store {
    Store::open(&Settings::sqlite(folder.join("countersign.sqlite"), true)).unwrap()
}

#[test]
fn whatever_is_done_to_a_store_its_books_agree_with_the_model() {
    keeps_its_books(40, || {
        let folder = tempfile::tempdir().unwrap();
        Box::new(move || sqlite(folder.path()))
    });
}

#[test]
fn all_that_is_old_goes_whatever_many_changes_each_delivery_made() {
    let telling = |number: u8| Telling {
        subject: number % SUBJECTS,
        facts: (0..4)
            .map(|who| Fact::Participant(4 * (number / SUBJECTS) + who, ParticipantStatus::Sent))
            .collect(),
    };
    let told = (0..160).map(|number| Operation::Tell(telling(number)));
    let settled = std::iter::repeat_n(Operation::Settle(u16::MAX), 40);
    let days_later = Operation::Wait(40 * 24 * 3600);
    let newest =
        Operation::Tell(Telling { subject: 0, facts: vec![Fact::Request(SigningRequestStatus::Sent)] });
    let life: Vec<_> = told.chain(settled).chain([days_later, newest, Operation::Prune(30)]).collect();
    let folder = tempfile::tempdir().unwrap();
    live(Box::new(move || sqlite(folder.path())), &life);
}

/// Says to this test that it is the process to be killed: its folder.
const VICTIM: &str = "COUNTERSIGN_TEST_VICTIM";

#[test]
fn a_store_that_is_killed_has_all_that_it_answered_and_at_most_one_operation_more() {
    if let Some(folder) = std::env::var_os(VICTIM) {
        return be_killed(Path::new(&folder));
    }
    let life = one_life();
    for kill_after in [1, 7, 30, 75] {
        let folder = tempfile::tempdir().unwrap();
        let answered = kill(folder.path(), kill_after);
        assert!(answered >= kill_after && answered < life.len(), "{answered} of {}", life.len());
        let mut model = Model::default();
        for operation in &life[..answered] {
            model.perform(operation);
        }
        let mut ahead = model.clone();
        ahead.perform(&life[answered]);
        let home = folder.path().to_owned();
        let mut real = Real::new(Box::new(move || sqlite(&home)));
        // What the one may have pruned the other still has.
        real.knows(&model);
        real.knows(&ahead);
        // A claim is the process's own, and went with it.
        model.perform(&Operation::Crash);
        ahead.perform(&Operation::Crash);
        let books = real.books();
        assert!(
            books == model.books() || books == ahead.books(),
            "after {answered} answers: {books:#?}\nneither {:#?}\nnor {:#?}",
            model.books(),
            ahead.books()
        );
    }
}

/// A long life without any end of the process in it, the same each time.
fn one_life() -> Vec<Operation> {
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let life = operations(2_000).new_tree(&mut runner).unwrap().current().into_iter();
    let atomic = life.flat_map(|operation| match operation {
        Operation::Reopen | Operation::Crash => Vec::new(),
        // In as many transactions as it happens to be.
        Operation::TellTogether(tellings) => tellings.into_iter().map(Operation::Tell).collect(),
        // All that are due, so that there is no choice which.
        Operation::Claim(_) => vec![Operation::Claim(usize::from(operation::SUBJECTS))],
        operation => vec![operation],
    });
    atomic.collect()
}

/// Starts this test once more as the victim, kills it after so many answers, and tells how many it gave.
fn kill(folder: &Path, after: usize) -> usize {
    let name = std::thread::current().name().unwrap().to_owned();
    let mut victim = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", &name, "--nocapture", "--test-threads=1"])
        .env(VICTIM, folder)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(victim.stdout.take().unwrap()).lines().map(Result::unwrap);
    let mut answered = 0;
    for line in lines {
        // The first one stands behind the test's own name.
        if line.ends_with("answered") {
            answered += 1;
            if answered == after {
                victim.kill().unwrap();
            }
        }
    }
    victim.wait().unwrap();
    answered
}

fn be_killed(folder: &Path) {
    let home = folder.to_owned();
    let mut real = Real::new(Box::new(move || sqlite(&home)));
    let mut out = std::io::stdout();
    for operation in one_life() {
        real.perform(&operation);
        writeln!(out, "answered").and_then(|()| out.flush()).unwrap();
    }
}
