//! Whatever comes from upstream: an answer of ours, and never a fault of ours.

use actix_web::http::Method;
use actix_web::test::TestRequest;
use countersign::base::Dice;
use countersign::unify::{Act, CATALOG, Takes};
use futures_util::future::join_all;
use serde_json::{Map, Value, json};

use super::super::support::{ACCOUNT, Answer, Bench};
use super::super::upstream::{Does, Upstream};
use super::making::lease;
use super::world::over;

const ID: &str = "3f0c1f0e-8f61-4c43-9a6b-55b1d0a1c1aa";

/// Names of fields that DocuSign's answers have, of lists and of single things.
const NAMES: [&str; 48] = [
    "envelopes",
    "envelopeTemplates",
    "folders",
    "users",
    "groups",
    "contacts",
    "signingGroups",
    "envelopeDocuments",
    "permissionProfiles",
    "recipients",
    "signers",
    "carbonCopies",
    "tabs",
    "signHereTabs",
    "textTabs",
    "customFields",
    "textCustomFields",
    "documents",
    "emails",
    "envelopeId",
    "templateId",
    "folderId",
    "userId",
    "groupId",
    "contactId",
    "signingGroupId",
    "documentId",
    "recipientId",
    "tabId",
    "permissionProfileId",
    "name",
    "userName",
    "email",
    "status",
    "userStatus",
    "createdDateTime",
    "lastModifiedDateTime",
    "statusChangedDateTime",
    "routingOrder",
    "totalSetSize",
    "resultSetSize",
    "startPosition",
    "nextUri",
    "errorDetails",
    "errorCode",
    "message",
    "url",
    "uri",
];

/// Any value: of the right kind by chance, of a wrong one most often.
fn value(dice: &Dice, depth: u64) -> Value {
    match dice.below(if depth == 0 { 9 } else { 13 }) {
        0 => Value::Null,
        1 => json!(dice.chance(0.5)),
        2 => json!(i64::MIN),
        3 => json!(1e300),
        4 => json!("True"),
        5 => json!("0001-01-01T00:00:00"),
        6 => json!(ID),
        7 => json!("\u{0}\u{202e}\n\"\\/../%00"),
        8 => json!("x".repeat(5_000)),
        9 | 10 => (0..dice.below(4)).map(|_| value(dice, depth - 1)).collect(),
        _ => object(dice, depth - 1),
    }
}

fn object(dice: &Dice, depth: u64) -> Value {
    let mut fields = Map::new();
    for name in NAMES {
        if dice.chance(0.4) {
            fields.insert(name.to_owned(), value(dice, depth));
        }
    }
    Value::Object(fields)
}

fn answer(status: u16, kind: &str, body: &[u8], length: usize) -> Does {
    let head = format!("HTTP/1.1 {status} Told\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\n\r\n");
    Does::Writes([head.as_bytes(), body].concat())
}

/// An answer of some kind; those that calls are repeated after, or wait for, are not among them.
fn anything(dice: &Dice) -> Does {
    let json = object(dice, 3).to_string();
    let status = [200, 200, 200, 200, 201, 204, 302, 400, 401, 403, 404, 409, 418]
        [usize::try_from(dice.below(13)).unwrap()];
    match dice.below(6) {
        0..4 => answer(status, "application/json", json.as_bytes(), json.len()),
        4 => {
            // Ended within, and as if that were its end.
            let cut =
                (1..=json.len()).rev().find(|cut| json.is_char_boundary(*cut) && *cut <= json.len() / 2);
            let part = &json.as_bytes()[..cut.unwrap_or(0)];
            answer(status, "application/json", part, part.len())
        }
        _ => {
            let mut bytes = vec![0; 300];
            dice.fill(&mut bytes);
            answer(status, "text/html", &bytes, bytes.len())
        }
    }
}

/// Every path and method of the catalog, with bodies that some of them take.
fn requests() -> Vec<TestRequest> {
    let named = json!({"signing_request": {"id": ID}});
    let both = json!({"signing_request": {"id": ID}, "participant": {"id": "1"}, "document": {"id": "1"}});
    let bodies = [named, both, lease(), json!({"name": "X", "id": ID}), json!({})];
    let mut all = Vec::new();
    for api in CATALOG {
        for resource in api.resources {
            for method in resource.methods {
                let rest = match method.act {
                    Act::Custom(name, _) => format!("/{name}"),
                    act if act.names_one() => format!("/{ID}"),
                    _ => String::new(),
                };
                let parameters = method.parameters.iter().filter(|parameter| parameter.required);
                let parameters: String = parameters.map(|one| format!("&{}={ID}", one.name)).collect();
                let uri = format!(
                    "/unified/{}/{}{rest}?integrated_account_id={ACCOUNT}{parameters}",
                    api.name, resource.name
                );
                let verb = Method::from_bytes(method.act.http().as_bytes()).unwrap();
                let request = |uri: &str| TestRequest::default().method(verb.clone()).uri(uri);
                match method.body {
                    Takes::Json(_) => all.extend(bodies.iter().map(|body| request(&uri).set_json(body))),
                    Takes::File => all.push(request(&uri).set_payload("a file")),
                    Takes::Nothing => all.push(request(&uri)),
                }
                if matches!(method.act, Act::List(_)) {
                    all.push(request(&format!(
                        "{uri}&truto_response_format=normalized&truto_ignore_limit=true"
                    )));
                    all.push(request(&format!("{uri}&truto_key_by=id")));
                }
            }
        }
    }
    all
}

/// An answer of ours: what was asked for, or one error in its shape, of a status that says whose it is.
fn is_ours(told: &Answer, what: &str) {
    assert_ne!(told.status, 500, "{what}: {}", String::from_utf8_lossy(&told.bytes));
    if told.status >= 400 {
        let problem = told.json();
        assert_eq!(problem["statusCode"], told.status, "{what}: {problem}");
        assert!(problem["message"].as_str().is_some_and(|text| !text.is_empty()), "{what}: {problem}");
    }
}

#[actix_web::test]
async fn whatever_docusign_answers_no_path_fails_with_a_fault_of_ours() {
    for seed in 0..3 {
        let dice = Dice::seeded(seed);
        let upstream = Upstream::start(move |_| anything(&dice)).await;
        let bench = over(&upstream.url);
        for (number, request) in requests().into_iter().enumerate() {
            let told = bench.ask(request).await;
            is_ours(&told, &format!("request {number} of seed {seed}"));
        }
        assert!(upstream.asked().len() >= 20, "{} calls", upstream.asked().len());
    }
}

async fn list(bench: &Bench) -> Answer {
    bench.get(&format!("/unified/e-signature/templates?integrated_account_id={ACCOUNT}")).await
}

#[actix_web::test]
async fn answers_that_are_broken_off_or_too_large_are_bad_answers_of_theirs() {
    let huge = format!("{{\"envelopeTemplates\":[],\"x\":\"{}\"}}", "x".repeat(17 << 20));
    let json = "application/json";
    let cases = [
        ("broken off", answer(200, json, b"{\"envelopeTemplates\":[", 500)),
        ("no head", Does::Writes(b"HTTP/1.1 2".to_vec())),
        ("nothing", Does::Writes(Vec::new())),
        ("no HTTP", Does::Writes(b"220 mail.example ESMTP\r\n".to_vec())),
        ("too large", answer(200, json, huge.as_bytes(), huge.len())),
        ("no list", answer(200, json, b"{\"envelopeTemplates\":7}", 23)),
        ("no object", answer(200, json, b"[]", 2)),
        ("empty", answer(200, json, b"", 0)),
        ("503", answer(503, "text/html", b"<html>", 6)),
    ];
    let asked = cases.into_iter().map(async |(what, does)| {
        let upstream = Upstream::start(move |_| does.clone()).await;
        let told = list(&over(&upstream.url)).await;
        is_ours(&told, what);
        assert_eq!(told.status, 502, "{what}: {}", String::from_utf8_lossy(&told.bytes));
    });
    join_all(asked).await;
}

#[actix_web::test]
async fn an_answer_however_deep_is_read_in_every_format() {
    let deep = format!("{{\"envelopeTemplates\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
    let does = answer(200, "application/json", deep.as_bytes(), deep.len());
    let upstream = Upstream::start(move |_| does.clone()).await;
    let bench = over(&upstream.url);
    let path = format!("/unified/e-signature/templates?integrated_account_id={ACCOUNT}");
    for format in ["", "&truto_response_format=normalized", "&truto_key_by=id", "&truto_exclude_fields=name"]
    {
        let told = bench.get(&format!("{path}{format}")).await;
        assert!(matches!(told.status, 200 | 502), "{format}: {}", told.status);
    }
}

#[actix_web::test]
async fn an_answer_that_never_comes_is_given_up() {
    let upstream = Upstream::start(|asked| match asked.line.contains("start_position=0") {
        true => Does::Stalls(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{".to_vec()),
        false => Does::Stalls(Vec::new()),
    })
    .await;
    let bench = over(&upstream.url);
    let path = format!("/unified/e-signature/templates/{ID}?integrated_account_id={ACCOUNT}");
    let (listed, got) = futures_util::join!(list(&bench), bench.get(&path));
    for told in [listed, got] {
        is_ours(&told, "a stalled answer");
        assert!((502..=504).contains(&told.status), "{}", told.status);
    }
}
