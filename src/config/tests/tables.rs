//! `[[source]]` and `[[queue]]`.

use super::*;
use crate::base::{AccountId, SourceName};

#[test]
fn sources_come_after_the_default_one_in_the_order_of_the_file() {
    let loaded = World::file(
        r#"
        hmac_keys = "top"
        [[source]]
        name = "sales"
        hmac_keys = ["a", "b"]
        accounts = ["8B411BFE-54F5-4B6C-9D7A-1C2D3E4F5A6B", "123456"]
        timezone = "America/Los_Angeles"
        basic_auth = "user:pass:word"
        [[source]]
        name = "hr"
        hmac_keys = "c"
        timezone = "-07:00"
        "#,
    )
    .good();
    let names: Vec<&str> = loaded.settings.sources.iter().map(|source| source.name.as_str()).collect();
    assert_eq!(names, ["default", "sales", "hr"]);
    let sales = &loaded.settings.sources[1];
    assert_eq!(shown(&sales.hmac_keys), ["a", "b"]);
    assert_eq!(sales.accounts[0], AccountId::new("8b411bfe-54f5-4b6c-9d7a-1c2d3e4f5a6b"));
    assert_eq!(sales.timezone.as_ref().and_then(|zone| zone.iana_name()), Some("America/Los_Angeles"));
    assert_eq!(sales.basic_auth.as_ref().map(ExposeSecret::expose_secret), Some("user:pass:word"));
    let zone = loaded.settings.sources[2].timezone.as_ref().unwrap();
    assert_eq!(zone.to_fixed_offset().unwrap().seconds(), -7 * 3600);
    assert!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);
    assert_eq!(row(&loaded, "source[2].timezone").to_string(), "-07");
    assert_eq!(row(&loaded, "source[1].basic_auth").to_string(), REDACTED);
}

#[test]
fn a_source_called_default_adds_to_the_top_level_keys() {
    let loaded =
        World::file("hmac_keys = \"top\"\n[[source]]\nname = \"default\"\naccounts = [\"a1\"]").good();
    assert_eq!(loaded.settings.sources.len(), 1);
    let default = &loaded.settings.sources[0];
    assert_eq!((default.name.clone(), shown(&default.hmac_keys)), (SourceName::default(), vec!["top"]));
    assert_eq!(default.accounts, [AccountId::new("a1")]);
    let fault =
        World::file("hmac_keys = \"top\"\n[[source]]\nname = \"default\"\nhmac_keys = \"own\"").fault();
    assert!(fault.contains("here and in the top-level"), "{fault}");
    let loaded = World::file("[[source]]\nname = \"default\"\nhmac_keys = \"own\"").good();
    assert_eq!(shown(&loaded.settings.sources[0].hmac_keys), ["own"]);
    assert_eq!(row(&loaded, "source[1].hmac_keys").to_string(), REDACTED);
    assert!(row(&loaded, "hmac_keys").value.is_null(), "shown where it was written");
}

#[test]
fn what_is_wrong_with_a_source_names_it_and_its_line() {
    for (table, want) in [
        ("hmac_keys = \"k\"", "source[1].name, set in countersign.toml:1: the source has no name"),
        ("name = \"Sales\"", "source[1].name, set in countersign.toml:2: `Sales` is no name of a source"),
        ("name = \"a/b\"", "is no name"),
        ("name = \"\"", "source[1].name, set in countersign.toml:2: it is empty"),
        ("name = \"s\"\naccounts = []", "would let no account in"),
        ("name = \"s\"\naccounts = [\"a b\"]", "`a b` is no account id"),
        ("name = \"s\"\ntimezone = \"Mars/Olympus\"", "`Mars/Olympus` is no time zone"),
        ("name = \"s\"\ntimezone = \"7\"", "is no time zone"),
        ("name = \"s\"\nbasic_auth = \"nocolon\"", "user:password"),
        ("name = \"s\"\nhmac_key = \"k\"", "did you mean `hmac_keys`?"),
        ("name = \"s\"\nhmac_keys_file = \"gone\"", "the file `gone` cannot be read"),
    ] {
        let fault = World::file(&format!("[[source]]\n{table}")).fault();
        assert!(fault.contains(want), "{table}: {fault}");
    }
    let fault = World::file("[[source]]\nname = \"s\"\n[[source]]\nname = \"s\"").fault();
    assert!(
        fault.starts_with("source[2].name, set in countersign.toml:4: there is another source `s`"),
        "{fault}"
    );
    let keys: Vec<String> = (0..101).map(|n| format!("key{n}")).collect();
    assert!(World::default().env("COUNTERSIGN_HMAC_KEYS", &keys.join(",")).fault().contains("101 keys"));
}

#[test]
fn a_source_without_a_key_is_told_of_where_others_have_one() {
    let world = World::file("hmac_keys = \"k\"\n\n[[source]]\nname = \"shut\"");
    let warnings = world.warnings();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].contains("the source `shut` has no key"), "{warnings:?}");
    assert!(warnings[0].contains("countersign.toml:3"), "{warnings:?}");
}

#[test]
fn a_queue_has_all_that_its_type_can_do() {
    let loaded = World::file(
        r##"
        [[queue]]
        name = "billing"
        bind = ["signing_request.completed.*", "#"]
        dead_letter_exchange = ""
        dead_letter_routing_key = "billing.dead"
        delivery_limit = 5
        single_active_consumer = true
        max_length = 1000
        [[queue]]
        name = "log"
        bind = "*.*.a1"
        type = "stream"
        "##,
    )
    .good();
    let want = QueueSettings {
        name: "billing".into(),
        bind: vec!["signing_request.completed.*".into(), "#".into()],
        kind: QueueKind::Quorum,
        dead_letter_exchange: Some(String::new()),
        dead_letter_routing_key: Some("billing.dead".into()),
        dead_letter_strategy: Some(DeadLetterStrategy::AtLeastOnce),
        delivery_limit: Some(5),
        single_active_consumer: true,
        max_length: Some(1000),
    };
    assert_eq!(loaded.settings.queues[0], want);
    assert_eq!(loaded.settings.queues[1].kind, QueueKind::Stream);
    assert_eq!(row(&loaded, "queue[2].type").to_string(), "stream");
}

#[test]
fn what_rabbitmq_would_refuse_or_never_fill_is_a_fault() {
    for (table, want) in [
        ("bind = \"#\"", "the queue has no name"),
        ("name = \"q\"", "bound to nothing"),
        ("name = \"q\"\nbind = []", "bound to nothing"),
        ("name = \"amq.q\"\nbind = \"#\"", "reserved"),
        ("name = \"countersign.audit\"\nbind = \"#\"", "reserved"),
        ("name = \"q\"\nbind = \"signing_request.completed\"", "does not have three words"),
        ("name = \"q\"\nbind = \"a.b.c.d\"", "does not have three words"),
        ("name = \"q\"\nbind = \"a..c\"", "does not have three words"),
        ("name = \"q\"\nbind = \"Signing_Request.*.*\"", "can match"),
        ("name = \"q\"\nbind = \"a.b*.c\"", "can match"),
        ("name = \"q\"\nbind = \"#\"\ntype = \"mirrored\"", "quorum, classic, stream"),
        ("name = \"q\"\nbind = \"#\"\ntype = \"classic\"\ndelivery_limit = 5", "classic cannot do this"),
        (
            "name = \"q\"\nbind = \"#\"\ntype = \"stream\"\nsingle_active_consumer = true",
            "stream cannot do this",
        ),
        ("name = \"q\"\nbind = \"#\"\ntype = \"stream\"\nmax_length = 5", "stream cannot do this"),
        ("name = \"q\"\nbind = \"#\"\ndead_letter_routing_key = \"x\"", "without an exchange"),
        ("name = \"q\"\nbind = \"#\"\ndead_letter_strategy = \"at-least-once\"", "that go nowhere"),
        (
            "name = \"q\"\nbind = \"#\"\ntype = \"classic\"\ndead_letter_exchange = \"x\"\n\
             dead_letter_strategy = \"at-least-once\"",
            "classic cannot do this",
        ),
        ("name = \"q\"\nbind = \"#\"\ndead_letter_exchange = \"\"", "the name of the queue"),
        (
            "name = \"q\"\nbind = \"#\"\ndead_letter_exchange = \"\"\ndead_letter_routing_key = \"q\"",
            "come back to the queue",
        ),
        (
            "name = \"q\"\nbind = \"#\"\ndead_letter_exchange = \"x\"\ndead_letter_strategy = \"surely\"",
            "at-least-once, at-most-once",
        ),
        ("name = \"q\"\nbind = \"#\"\nmax_length = 0", "a whole number from 1"),
        ("name = \"q\"\nbind = \"#\"\ndurable = true", "no such key is known"),
    ] {
        let fault = World::file(&format!("[[queue]]\n{table}")).fault();
        assert!(fault.contains(want), "{table}: {fault}");
    }
    let fault =
        World::file("[[queue]]\nname = \"q\"\nbind = \"#\"\n[[queue]]\nname = \"q\"\nbind = \"#\"").fault();
    assert!(fault.contains("another queue `q`"), "{fault}");
}

#[test]
fn dead_letters_go_as_surely_as_the_type_of_the_queue_allows_unless_told_otherwise() {
    for (table, want) in [
        ("dead_letter_exchange = \"x\"", Some(DeadLetterStrategy::AtLeastOnce)),
        ("dead_letter_exchange = \"x\"\ntype = \"classic\"", Some(DeadLetterStrategy::AtMostOnce)),
        (
            "dead_letter_exchange = \"x\"\ndead_letter_strategy = \"at-most-once\"",
            Some(DeadLetterStrategy::AtMostOnce),
        ),
        ("type = \"classic\"", None),
    ] {
        let loaded = World::file(&format!("[[queue]]\nname = \"q\"\nbind = \"#\"\n{table}")).good();
        assert_eq!(loaded.settings.queues[0].dead_letter_strategy, want, "{table}");
    }
}

#[test]
fn a_queue_that_gets_the_dead_letters_of_another_needs_no_binding() {
    let dead = "[[queue]]\nname = \"q.dead\"\n";
    let living = "[[queue]]\nname = \"q\"\nbind = \"#\"\ndead_letter_exchange = \"\"\n\
                  dead_letter_routing_key = \"q.dead\"\n";
    for text in [format!("{dead}{living}"), format!("{living}{dead}")] {
        let queues = World::file(&text).good().settings.queues;
        assert!(queues.iter().any(|queue| queue.name == "q.dead" && queue.bind.is_empty()), "{queues:?}");
    }
    let fault = World::file(&format!("{dead}{}", living.replace("\"\"", "\"x\""))).fault();
    assert!(fault.contains("bound to nothing"), "an exchange may route anywhere: {fault}");
}
