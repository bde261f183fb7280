//! `countersign topology` where no broker is there.

use super::kit::countersign;

const SETTINGS: &str = r##"
audit_stream = false
[[queue]]
name = "billing"
bind = "signing_request.completed.*"
dead_letter_exchange = ""
dead_letter_routing_key = "billing.dead"
"##;

#[test]
fn the_plan_needs_no_broker_and_names_every_step() {
    let plan = countersign(&["topology", "plan"]).file("countersign.toml", SETTINGS).done().stdout;
    for line in [
        "countersign",
        "  exchange countersign (durable topic) alternate-exchange=countersign.unrouted",
        "  queue countersign.unrouted (durable) x-queue-type=quorum",
        "  bind billing to countersign by `signing_request.completed.*`",
        "  queue billing.dead must exist: dead letters go there",
    ] {
        assert!(plan.lines().any(|each| each == line), "{line}:\n{plan}");
    }
    let queue = plan.lines().find(|line| line.starts_with("  queue billing ")).unwrap();
    for argument in [
        "x-dead-letter-exchange=\"\"",
        "x-dead-letter-routing-key=billing.dead",
        "x-dead-letter-strategy=at-least-once",
        "x-overflow=reject-publish",
        "x-queue-type=quorum",
    ] {
        assert!(queue.contains(argument), "{argument}: {queue}");
    }
    assert!(!plan.contains("countersign.audit"), "it is switched off:\n{plan}");
}

#[test]
fn the_plan_is_there_for_machines_too() {
    let plan = countersign(&["topology", "plan", "--json"]).file("countersign.toml", SETTINGS).done().json();
    let names: Vec<_> = plan["parts"].as_array().unwrap().iter().map(|part| part["part"].as_str()).collect();
    assert_eq!(names, [Some("countersign"), Some("countersign.unrouted"), Some("billing")]);
    let steps = &plan["parts"][2]["steps"];
    assert_eq!(steps[0]["declare"], "queue");
    assert_eq!(steps[0]["arguments"]["x-dead-letter-strategy"], "at-least-once");
    assert_eq!(steps[1]["routing_key"], "signing_request.completed.*");
    assert_eq!((&steps[2]["needs"], &steps[2]["name"]), (&"queue".into(), &"billing.dead".into()));
}

#[test]
fn settings_that_cannot_be_used_end_with_78() {
    for args in [&["topology", "apply"][..], &["topology", "check"], &["topology", "check", "--json"]] {
        let ended = countersign(args).ends(78);
        assert!(ended.stderr.contains("broker (COUNTERSIGN_BROKER): no broker is set"), "{}", ended.stderr);
        assert!(ended.stdout.is_empty(), "{}", ended.stdout);
    }
    let wrong = SETTINGS.replace("dead_letter_routing_key", "dead_leter_routing_key");
    let ended = countersign(&["topology", "plan"]).file("countersign.toml", &wrong).ends(78);
    assert!(ended.stderr.contains("did you mean `dead_letter_routing_key`?"), "{}", ended.stderr);
    let check = countersign(&["topology", "check", "--management", "ftp://u:hunter2@h"]);
    let ended = check.env("COUNTERSIGN_BROKER", "amqp://127.0.0.1:9").ends(78);
    assert!(
        ended.stderr.contains("broker_management") && !ended.stderr.contains("hunter2"),
        "{}",
        ended.stderr
    );
}

#[test]
fn a_broker_that_is_not_there_ends_with_1_and_without_its_password() {
    for args in [&["topology", "apply"][..], &["topology", "check"]] {
        let ended = countersign(args).env("COUNTERSIGN_BROKER", "amqp://guest:hunter2@127.0.0.1:9").ends(1);
        assert!(
            ended.stderr.contains("127.0.0.1:9") && !ended.stderr.contains("hunter2"),
            "{}",
            ended.stderr
        );
        assert!(ended.stderr.contains("what to do"), "{}", ended.stderr);
    }
}
