//! Pages: small ones, and envelopes that change while they are read.

use countersign::reconcile::Next;
use countersign::simulator::life::Kind;
use countersign::store::RunState;
use jiff::SignedDuration;

use super::world::World;

#[tokio::test]
async fn pages_of_two_find_all_that_one_page_finds() {
    for page in [1, 2, 3] {
        let world = World::with_pages_of(page).await;
        for seed in 0..9 {
            world.happen(&world.life(Kind::Voided, seed), |_, _| false).await;
        }
        let run = world.look().await;
        assert_eq!((run.state, run.concerned), (RunState::Done, 9), "pages of {page}: {run:?}");
        world.assert_sound().await;
    }
}

#[tokio::test]
async fn an_envelope_that_changes_while_pages_are_read_hides_none_behind_the_border() {
    let world = World::with_pages_of(2).await;
    let mut lives = Vec::new();
    for seed in 0..8 {
        let life = world.life(Kind::Sequential, seed);
        let sent = life.iter().position(|step| step.event == "envelope-sent").unwrap();
        world.happen(&life[..=sent], |_, _| false).await;
        lives.push((life, sent));
        world.pass(SignedDuration::from_secs(30));
    }
    world.pass(SignedDuration::from_mins(61));
    assert_eq!(world.reconciler.step().await, Next::Now, "the look is due");
    // After each page the oldest envelope changes, and all others move up by one.
    let mut changed = lives.iter();
    loop {
        let next = world.reconciler.step().await;
        if let Some((life, sent)) = changed.next() {
            let mut step = life[sent + 1].clone();
            let mut envelope = step.subject.envelope().unwrap().as_ref().clone();
            envelope.status_changed_at = countersign::base::Clock::now(world.clock.as_ref());
            step.subject = countersign::simulator::life::Subject::Envelope(envelope.into());
            world.docusign.apply(&step);
        }
        if next != Next::Now {
            break;
        }
    }
    let run = world.newest().await;
    assert_eq!(run.state, RunState::Done);
    assert_eq!(run.concerned, 8, "each was found: {run:?}");
    world.assert_sound().await;
}
