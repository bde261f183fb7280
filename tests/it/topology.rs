//! `countersign topology` and `countersign check` against a real broker: what is told, and what is left alone.

use std::collections::BTreeMap;
use std::process::Command;

use lapin::types::AMQPValue;
use serde_json::Value;
use tempfile::TempDir;

use crate::relay::kit::{channel, declare, text, vhost_of};
use crate::support::rabbit::Rabbit;
use crate::support::secured::{CLIENT, Secured};

const SETTINGS: &str = r#"
[[queue]]
name = "billing"
bind = ["signing_request.completed.*", "enriched.completed.*"]
max_length = 1000
dead_letter_exchange = ""
dead_letter_routing_key = "billing.dead"

[[queue]]
name = "billing.dead"
"#;

/// A folder with settings, and the broker that commands there speak to.
struct Place {
    folder: TempDir,
    broker: String,
    management: Option<String>,
}

/// What came of a command.
struct Ended {
    code: i32,
    stdout: String,
    stderr: String,
}

impl Place {
    fn new(broker: &str) -> Self {
        let folder = TempDir::new().expect("a folder");
        let place = Self { folder, broker: broker.to_owned(), management: None };
        place.write(SETTINGS);
        place
    }

    fn managed(broker: &str, management: &str) -> Self {
        Self { management: Some(management.to_owned()), ..Self::new(broker) }
    }

    fn write(&self, settings: &str) {
        std::fs::write(self.folder.path().join("countersign.toml"), settings).expect("settings");
    }

    async fn run(&self, arguments: &[&str]) -> Ended {
        let mut command = Command::new(env!("CARGO_BIN_EXE_countersign"));
        command.args(arguments).current_dir(self.folder.path()).env_clear();
        command.env("COUNTERSIGN_BROKER", &self.broker);
        command.envs(self.management.iter().map(|url| ("COUNTERSIGN_BROKER_MANAGEMENT", url)));
        let output = tokio::task::spawn_blocking(move || command.output()).await.expect("a thread");
        let output = output.expect("the program runs");
        let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
        let code = output.status.code().unwrap_or(-1);
        let ended = Ended { code, stdout: text(output.stdout), stderr: text(output.stderr) };
        for told in [&ended.stdout, &ended.stderr] {
            assert!(!told.contains("guest:guest") && !told.contains(&format!("{CLIENT}:{CLIENT}")), "{told}");
        }
        ended
    }

    /// The drifts that `topology check` tells, each as part and kind, and the whole.
    async fn drifts(&self, code: i32) -> (Vec<(String, String)>, Value) {
        let ended = self.run(&["topology", "check", "--json"]).await;
        assert_eq!(ended.code, code, "{}{}", ended.stdout, ended.stderr);
        let told: Value = serde_json::from_str(&ended.stdout).expect("JSON");
        assert_eq!(told["ok"], code == 0, "{told}");
        let word = |drift: &Value, key: &str| drift[key].as_str().expect("a word").to_owned();
        let drifts = told["drifts"].as_array().expect("a list").iter();
        (drifts.map(|drift| (word(drift, "part"), word(drift, "kind"))).collect(), told)
    }
}

fn pairs(wanted: &[(&str, &str)]) -> Vec<(String, String)> {
    wanted.iter().map(|(part, kind)| ((*part).to_owned(), (*kind).to_owned())).collect()
}

/// Everything that a virtual host holds, as the broker itself lists it.
async fn everything(rabbit: &Rabbit, vhost: &str) -> BTreeMap<&'static str, String> {
    let mut all = BTreeMap::new();
    for (what, columns) in [
        ("list_queues", &["name", "arguments", "messages"][..]),
        ("list_exchanges", &["name", "type", "arguments"]),
        ("list_bindings", &["source_name", "destination_name", "routing_key"]),
    ] {
        all.insert(
            what,
            rabbit.ctl(&[&[what, "--vhost", vhost, "--formatter", "json"], columns].concat()).await,
        );
    }
    all
}

const ALL_MISSING: [(&str, &str); 6] = [
    ("countersign", "missing"),
    ("countersign.unrouted", "missing"),
    ("countersign.unrouted", "missing"),
    ("countersign.audit", "missing"),
    ("billing", "missing"),
    ("billing.dead", "missing"),
];

#[tokio::test]
async fn what_is_missing_is_told_and_not_made_until_it_is_applied() {
    let rabbit = Rabbit::shared().await;
    let place = Place::new(&rabbit.vhost());
    let vhost = vhost_of(&place.broker);
    let before = everything(rabbit, vhost).await;
    let (drifts, told) = place.drifts(1).await;
    assert_eq!(drifts, pairs(&ALL_MISSING), "{told}");
    assert_eq!(everything(rabbit, vhost).await, before, "a check makes nothing");

    let applied = place.run(&["topology", "apply", "--json"]).await;
    assert_eq!(applied.code, 0, "{}{}", applied.stdout, applied.stderr);
    let there = everything(rabbit, vhost).await;
    let (drifts, told) = place.drifts(0).await;
    assert_eq!(drifts, []);
    let unchecked = told["unchecked"][0]["what"].as_str().unwrap_or_default();
    assert!(unchecked.contains("bindings, which AMQP cannot list"), "{told}");
    assert_eq!(everything(rabbit, vhost).await, there, "a check changes nothing");
    let text = place.run(&["topology", "check"]).await;
    assert!(text.stdout.contains("ok         billing.dead\n"), "{}", text.stdout);
    assert!(text.stdout.contains("unchecked  bindings"), "{}", text.stdout);
}

#[tokio::test]
async fn what_is_otherwise_is_told_over_amqp_by_name_and_left_as_it_is() {
    let rabbit = Rabbit::shared().await;
    let place = Place::new(&rabbit.vhost());
    let vhost = vhost_of(&place.broker);
    place.run(&["topology", "apply"]).await;
    let (_connection, theirs) = channel(&place.broker).await;
    for queue in ["billing", "billing.dead", "countersign.audit"] {
        theirs.queue_delete(queue.into(), Default::default()).await.unwrap();
    }
    let other = AMQPValue::LongLongInt(7);
    declare(&theirs, "billing", &[("x-queue-type", text("quorum")), ("x-max-length", other)]).await;
    declare(&theirs, "countersign.audit", &[]).await;
    let before = everything(rabbit, vhost).await;
    let (drifts, told) = place.drifts(1).await;
    let want = [("countersign.audit", "differs"), ("billing", "differs"), ("billing.dead", "missing")];
    assert_eq!(drifts, pairs(&want), "{told}");
    assert!(told["drifts"].as_array().unwrap().iter().all(|drift| drift["todo"].is_string()), "{told}");
    assert_eq!(everything(rabbit, vhost).await, before, "a check changes nothing");
    let text = place.run(&["topology", "check"]).await;
    assert!(
        text.stdout.contains("DRIFT      billing: queue billing is otherwise than wanted"),
        "{}",
        text.stdout
    );
    assert!(text.stdout.contains("PRECONDITION_FAILED - inequivalent arg"), "{}", text.stdout);
    // It cannot be made to be as wanted without deleting it, and that is for people to do.
    let applied = place.run(&["topology", "apply"]).await;
    assert_eq!(applied.code, 1, "{}", applied.stdout);
    assert!(
        applied.stdout.contains("failed     billing: it exists with other properties"),
        "{}",
        applied.stdout
    );
    assert!(applied.stdout.contains("ok         billing.dead"), "{}", applied.stdout);
}

#[tokio::test]
async fn the_management_api_tells_every_argument_and_every_binding() {
    let secured = Secured::shared().await;
    let broker = secured.rabbit.vhost();
    let place = Place::managed(&broker, &secured.management());
    let (drifts, told) = place.drifts(1).await;
    assert_eq!(drifts, pairs(&ALL_MISSING), "{told}");
    place.run(&["topology", "apply"]).await;
    let (drifts, told) = place.drifts(0).await;
    assert_eq!(drifts, []);
    assert_eq!(told["unchecked"], Value::Array(Vec::new()), "{told}");

    let (_connection, theirs) = channel(&broker).await;
    let (none, other) = (Default::default, AMQPValue::LongLongInt(7));
    theirs
        .queue_unbind("billing".into(), "countersign".into(), "enriched.completed.*".into(), none())
        .await
        .unwrap();
    let hash = "late.#";
    theirs
        .queue_bind("billing".into(), "countersign".into(), hash.into(), Default::default(), none())
        .await
        .unwrap();
    theirs.queue_delete("billing.dead".into(), Default::default()).await.unwrap();
    let arguments =
        [("x-queue-type", text("quorum")), ("x-delivery-limit", other.clone()), ("x-max-length", other)];
    declare(&theirs, "billing.dead", &arguments).await;
    let before = everything(&secured.rabbit, vhost_of(&broker)).await;
    let (drifts, told) = place.drifts(1).await;
    let want = [("billing", "more"), ("billing", "unbound"), ("billing.dead", "differs")];
    assert_eq!(drifts, pairs(&want), "{told}");
    let whole = told.to_string();
    for words in [
        "also bound to countersign by `late.#`",
        "not bound to countersign by `enriched.completed.*`",
        "x-delivery-limit is 7 instead of not set, x-max-length is 7 instead of not set",
    ] {
        assert!(whole.contains(words), "{words}: {whole}");
    }
    assert_eq!(everything(&secured.rabbit, vhost_of(&broker)).await, before, "a check changes nothing");
}

#[tokio::test]
async fn the_management_api_is_read_over_https_with_the_brokers_own_ca() {
    let secured = Secured::shared().await;
    let plain = secured.rabbit.vhost();
    let place =
        Place::managed(&secured.over_tls(&plain, &secured.credentials()), &secured.secure_management());
    place.run(&["topology", "apply"]).await;
    let (drifts, told) = place.drifts(0).await;
    assert_eq!((drifts, &told["unchecked"]), (Vec::new(), &Value::Array(Vec::new())), "{told}");
}

#[tokio::test]
async fn a_management_api_that_does_not_answer_is_no_pass() {
    let secured = Secured::shared().await;
    let broker = secured.rabbit.vhost();
    Place::new(&broker).run(&["topology", "apply"]).await;
    let without_tag = secured.management().replacen("http://", &format!("http://{CLIENT}:{CLIENT}@"), 1);
    for (management, words) in [
        ("http://127.0.0.1:9".to_owned(), "127.0.0.1:9/ cannot be read"),
        (without_tag, "does not let this user in"),
        (format!("{}/somewhere", secured.management()), "is not of RabbitMQ's management API"),
    ] {
        let (drifts, told) = Place::managed(&broker, &management).drifts(1).await;
        assert_eq!(drifts, [], "what AMQP tells is as wanted");
        let unchecked = told["unchecked"][0].to_string();
        assert!(unchecked.contains("bindings and all arguments") && unchecked.contains(words), "{unchecked}");
    }
}

#[tokio::test]
async fn check_tells_of_each_address_how_it_stands() {
    let rabbit = Rabbit::shared().await;
    let living = rabbit.vhost();
    let dead = "amqp://guest:guest@127.0.0.1:9/%2f";
    let lines = async |broker: &str, code: i32| {
        let ended = Place::new(broker).run(&["check", "--online", "--json"]).await;
        assert_eq!(ended.code, code, "{}{}", ended.stdout, ended.stderr);
        let told: Value = serde_json::from_str(&ended.stdout).expect("JSON");
        let lines = told["lines"].as_array().expect("a list").iter().filter(|line| line["part"] == "broker");
        lines.map(|line| (line["state"].to_string(), line["what"].to_string())).collect::<Vec<_>>()
    };
    let both = lines(&format!("{dead},{living}"), 0).await;
    let states: Vec<_> = both.iter().map(|(state, _)| state.as_str()).collect();
    assert_eq!(states, ["\"weak\"", "\"ok\""], "{both:?}");
    assert!(
        both[0].1.contains("127.0.0.1:9") && both[1].1.contains(&format!(":{}/", rabbit.port())),
        "{both:?}"
    );
    let none = lines(&format!("{dead},amqp://guest:guest@127.0.0.1:10/%2f"), 1).await;
    assert!(none.len() == 2 && none.iter().all(|(state, _)| state == "\"failed\""), "{none:?}");
}
