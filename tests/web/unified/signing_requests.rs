//! `signing_requests`: lists, single ones, and what is done with them.

use countersign::base::Dice;
use countersign::simulator::life::{Act, Envelope, Person, Recipient, Role, perform};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::world::World;

/// Puts envelopes into the simulated DocuSign.
pub(crate) struct Shelf<'a> {
    world: &'a World,
    dice: Dice,
}

impl<'a> Shelf<'a> {
    pub(crate) fn of(world: &'a World) -> Self {
        Self { world, dice: Dice::seeded(21) }
    }

    pub(crate) fn at(minute: i64) -> Timestamp {
        let first: Timestamp = "2026-11-20T10:00:00Z".parse().unwrap();
        first.checked_add(SignedDuration::from_mins(minute)).unwrap()
    }

    /// A draft made at a minute, with a document and a signer.
    pub(crate) fn draft(&self, name: &str, minute: i64) -> Envelope {
        let account = self.world.docusign.accounts()[0].clone();
        let mut envelope = Envelope::draft(account, name.to_owned(), Self::at(minute), &self.dice);
        envelope.add_document("Lease.pdf".to_owned(), &self.dice);
        let ann = Person {
            user_id: self.dice.uuid(),
            name: "Ann Lee".to_owned(),
            email: "ann@example.com".to_owned(),
        };
        let mut signer = Recipient::new("1".to_owned(), Role::Signer, ann, 1, &self.dice);
        signer.sign_in("1");
        envelope.recipients.push(signer);
        envelope
    }

    /// The same after some acts, a minute after another.
    pub(crate) fn after(&self, mut envelope: Envelope, acts: &[Act]) -> Envelope {
        let mut at = envelope.created_at;
        for act in acts {
            at = at.checked_add(SignedDuration::from_mins(1)).unwrap();
            perform(act, &mut envelope, at, &self.dice);
        }
        envelope
    }

    /// Puts it there; its id.
    pub(crate) fn put(&self, envelope: Envelope) -> String {
        let id = envelope.id.to_string();
        self.world.docusign.put(envelope);
        id
    }
}

#[actix_web::test]
async fn every_signing_request_is_listed_once_while_others_are_made() {
    let world = World::new();
    let shelf = Shelf::of(&world);
    let mut all: Vec<_> = (0..23).map(|minute| shelf.put(shelf.draft("Lease", minute))).collect();
    all.reverse();
    for limit in [1, 4, 7] {
        let (mut seen, mut cursor, mut minute) = (Vec::new(), String::new(), 100 * limit);
        loop {
            let path =
                format!("e-signature/signing_requests?search=lease&limit={limit}&next_cursor={cursor}");
            let page = world.json(&path).await;
            assert_eq!(page["is_partial_response"], true);
            seen.extend(
                page["result"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap().to_owned()),
            );
            let Some(next) = page["next_cursor"].as_str() else { break };
            next.clone_into(&mut cursor);
            for _ in 0..2 {
                minute += 1;
                shelf.put(shelf.draft("Another", minute));
                shelf.put(shelf.draft("A later lease", minute));
            }
        }
        let known: Vec<_> = seen.iter().filter(|id| all.contains(id)).cloned().collect();
        assert_eq!(known, all, "{limit}");
        let mut once = seen.clone();
        once.sort();
        once.dedup();
        assert_eq!(once.len(), seen.len(), "{limit}");
    }
}

#[actix_web::test]
async fn lists_are_filtered_by_times_statuses_folders_text_and_custom_fields() {
    let world = World::new();
    let shelf = Shelf::of(&world);
    let draft = shelf.put(shelf.draft("Offer one", 0));
    let sent = shelf.put(shelf.after(shelf.draft("Lease two", 10), &[Act::Send]));
    let done = [Act::Send, Act::Open(0), Act::Sign(0)];
    let mut completed = shelf.after(shelf.draft("Lease three", 20), &done);
    completed.add_custom_field("record", "r-7".to_owned(), &Dice::seeded(2));
    let completed = shelf.put(completed);
    // Something about it changed long after its status did.
    let mut touched = shelf.after(shelf.draft("Offer four", 30), &[Act::Send]);
    touched.modified_at = Shelf::at(500);
    let touched = shelf.put(touched);
    let folder =
        world.json(&format!("e-signature/signing_requests/{draft}")).await["collections"][0]["id"].clone();
    let folder = folder.as_str().unwrap();
    for (filter, want) in [
        ("", vec![&touched, &completed, &sent, &draft]),
        ("created_at[gt]=2026-11-20T10:10:00Z", vec![&touched, &completed]),
        ("created_at[lt]=2026-11-20T10:20:00Z&created_at%5Bgt%5D=2026-11-20T10:00:00Z", vec![&sent]),
        ("created_at[gt]=2026-11-21", vec![]),
        ("updated_at[gt]=2026-11-20T12:00:00Z", vec![&touched]),
        ("updated_at[lt]=2026-11-20T12:00:00Z", vec![&completed, &sent, &draft]),
        ("updated_at[gt]=2026-11-20T10:11:00Z", vec![&touched, &completed]),
        ("status=sent", vec![&touched, &sent]),
        ("status=Created,%20completed", vec![&completed, &draft]),
        ("status=correct", vec![]),
        ("status=", vec![&touched, &completed, &sent, &draft]),
        ("search=offer", vec![&touched, &draft]),
        ("search=ann%40example.com&status=completed", vec![&completed]),
        ("custom_field=record=r-7", vec![&completed]),
        ("collections[id]=draft", vec![&draft]),
        (&format!("collections[id]={folder}"), vec![&draft]),
    ] {
        let page = world.json(&format!("e-signature/signing_requests?{filter}")).await;
        let ids: Vec<_> =
            page["result"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap()).collect();
        assert_eq!(ids, want, "{filter}");
    }
    for (filter, part) in [
        ("status=sendt", "perhaps sent"),
        ("status=viewed", "valid are"),
        ("collections[id]=a/b", "collections[id]"),
        ("custom_field=record", "name=value"),
        ("created_at[gt]=soon", "created_at[gt]"),
        ("collection[id]=1", "perhaps collections[id]"),
    ] {
        let answer = world.get(&format!("e-signature/signing_requests?{filter}")).await;
        assert_eq!(answer.status, 400, "{filter}");
        assert!(answer.message().contains(part), "{filter}: {}", answer.message());
    }
}

#[actix_web::test]
async fn one_is_got_with_all_that_belongs_to_it_and_a_list_tells_a_part() {
    let world = World::new();
    let shelf = Shelf::of(&world);
    let id = shelf.put(shelf.after(shelf.draft("Lease", 0), &[Act::Send]));
    let listed = world.json("e-signature/signing_requests").await["result"][0].clone();
    assert_eq!(listed["participants"][0]["emails"], json!([{"email": "ann@example.com"}]));
    assert_eq!((&listed["documents"], &listed["collections"][0]["name"]), (&json!([]), &json!("Sent Items")));
    let got = world.json(&format!("e-signature/signing_requests/{id}")).await;
    assert_eq!(got["status"], json!({"id": "sent", "name": "Sent"}));
    assert_eq!((&got["documents"][0]["name"], &got["name"]), (&json!("Lease.pdf"), &json!("Lease")));
    assert_eq!(got["document_fields"].as_array().map(Vec::len), Some(2));
    assert_eq!((&got["remote_data"]["envelopeId"], &got["id"]), (&json!(id), &json!(id)));
    let answer = world.get("e-signature/signing_requests/00000000-0000-0000-0000-000000000000").await;
    assert_eq!(answer.status, 404);
    assert_eq!(answer.json()["raw_response"]["errorCode"], "ENVELOPE_DOES_NOT_EXIST");
    assert_eq!(world.get("e-signature/signing_requests/no%20id").await.status, 404);
}
