//! Which layer wins, and how values are read from each.

use super::*;

#[test]
fn flags_go_before_the_environment_before_the_file_before_the_defaults() {
    let world = World::default();
    assert_eq!(world.good().settings.listen, "127.0.0.1:8080");
    let world = World::file("listen = \"127.0.0.1:1\"");
    assert_eq!(world.good().settings.listen, "127.0.0.1:1");
    assert_eq!(row(&world.good(), "listen").origin.to_string(), "countersign.toml:1");
    let world = world.env("COUNTERSIGN_LISTEN", "127.0.0.1:2");
    assert_eq!(world.good().settings.listen, "127.0.0.1:2");
    assert_eq!(row(&world.good(), "listen").origin.to_string(), "COUNTERSIGN_LISTEN");
    let world = world.flag("--listen", "listen", "127.0.0.1:3").flag("--set", "listen", "127.0.0.1:4");
    assert_eq!(world.good().settings.listen, "127.0.0.1:4", "of two flags the last one wins");
    assert_eq!(row(&world.good(), "listen").origin.to_string(), "--set");
}

#[test]
fn the_file_is_the_one_named_else_the_one_in_the_working_directory() {
    let world = World::file("threads = 1")
        .with_file("other.toml", "threads = 2")
        .with_file("third.toml", "threads = 3");
    assert_eq!(world.good().settings.threads, Some(1));
    let world = world.env("COUNTERSIGN_CONFIG", "third.toml");
    assert_eq!(world.good().settings.threads, Some(3));
    let world = world.config("other.toml");
    assert_eq!(world.good().settings.threads, Some(2));
    assert!(World::default().config("missing.toml").fault().contains("`missing.toml` cannot be read"));
}

#[test]
fn an_empty_variable_counts_as_not_set() {
    let world = World::file("api_token = \"from-file\"")
        .env("COUNTERSIGN_API_TOKEN", "")
        .env("COUNTERSIGN_LISTEN", "");
    let settings = world.good().settings;
    assert_eq!(settings.api_token.as_ref().map(ExposeSecret::expose_secret), Some("from-file"));
    assert_eq!(settings.listen, "127.0.0.1:8080");
}

#[test]
fn sections_have_two_underscores_in_the_environment() {
    let world =
        World::default().env("COUNTERSIGN_DOCUSIGN__CLIENT_ID", "abc").env("COUNTERSIGN_LOG__LEVEL", "debug");
    let settings = world.good().settings;
    assert_eq!(settings.docusign.client_id.as_deref(), Some("abc"));
    assert_eq!(settings.log_level, "debug");
}

#[test]
fn every_secret_can_come_from_a_file_in_every_layer() {
    let files = World::default().with_file("token", "one\n").with_file("/run/token", "two\r\n");
    let token = |world: &World| {
        world.good().settings.api_token.map(|token| token.expose_secret().to_owned()).unwrap_or_default()
    };
    let world = files.with_file("countersign.toml", "api_token_file = \"token\"");
    assert_eq!(token(&world), "one", "one line end does not count, and the path is relative");
    let world = world.env("COUNTERSIGN_API_TOKEN_FILE", "/run/token");
    assert_eq!(token(&world), "two");
    let world = world.flag("--set", "api_token_file", "token");
    assert_eq!(token(&world), "one");
    let world = World::file("api_token_file = \"token\"").env("COUNTERSIGN_API_TOKEN", "plain");
    assert_eq!(token(&world), "plain", "a layer above wins whatever its form, and the file is not even read");
}

#[test]
fn a_secret_given_in_both_forms_in_one_layer_is_a_fault() {
    let world = World::file("api_token = \"a\"\napi_token_file = \"b\"").with_file("b", "x");
    let fault = world.fault();
    assert!(fault.starts_with("api_token (COUNTERSIGN_API_TOKEN)") && fault.contains("keep one"), "{fault}");
    let world = World::default().env("COUNTERSIGN_HMAC_KEYS", "a").env("COUNTERSIGN_HMAC_KEYS_FILE", "b");
    assert!(world.faults().iter().any(|fault| fault.contains("`hmac_keys_file` too")));
}

#[test]
fn keys_are_separated_by_commas_and_line_ends_and_otherwise_verbatim() {
    let keys = |world: &World| {
        let loaded = world.good();
        shown(&loaded.settings.sources[0].hmac_keys).iter().map(|key| (*key).to_owned()).collect::<Vec<_>>()
    };
    let world = World::default().env("COUNTERSIGN_HMAC_KEYS", "a+/=, b ,,klíč\n");
    assert_eq!(keys(&world), ["a+/=", " b ", "klíč"]);
    assert!(world.warnings().iter().any(|warning| warning.contains("white space")));
    let world = World::default()
        .env("COUNTERSIGN_HMAC_KEYS_FILE", "k")
        .with_file("k", "one\r\ntwo\r\n\r\nthree,four\n");
    assert_eq!(keys(&world), ["one", "two", "three", "four"]);
    assert_eq!(
        keys(&World::file("hmac_keys = [\"a,b\", \"c\"]")),
        ["a,b", "c"],
        "an array's items stay whole"
    );
    let world = World::file("hmac_keys = \"same,same\"");
    assert_eq!(keys(&world), ["same"]);
    assert!(world.warnings().iter().any(|warning| warning.contains("twice")));
}

#[test]
fn variables_inside_the_file_are_put_in_and_must_be_there() {
    let world =
        World::file("hmac_keys = [\"${KEY_A}\", \"$${KEY_A}\"]").env("KEY_A", "s3cret\"]\nlisten = 1");
    assert_eq!(shown(&world.good().settings.sources[0].hmac_keys), ["s3cret\"]\nlisten = 1", "${KEY_A}"]);
    let fault = World::file("\n\napi_token = \"${TOKEN}\"").fault();
    assert_eq!(
        fault,
        "api_token (COUNTERSIGN_API_TOKEN), set in countersign.toml:3: the variable TOKEN is not set; \
         set TOKEN, or write the value here"
    );
}

#[test]
fn a_variable_inside_the_file_that_is_empty_is_no_secret() {
    assert!(World::file("api_token = \"${TOKEN}\"").env("TOKEN", "").fault().contains("it is empty"));
}

#[test]
fn brokers_are_none_one_or_several() {
    let broker = |text: &str| {
        let loaded = World::default().env("COUNTERSIGN_BROKER", text).good();
        shown(&loaded.settings.broker).iter().map(|url| (*url).to_owned()).collect::<Vec<_>>()
    };
    assert!(broker("none").is_empty());
    assert_eq!(broker("amqp://a:b@h1/%2f , amqps://h2:5671/v"), ["amqp://a:b@h1/%2f", "amqps://h2:5671/v"]);
    let loaded = World::file("broker = [\"amqp://h1\", \"amqp://h2\"]").good();
    assert_eq!(shown(&loaded.settings.broker), ["amqp://h1", "amqp://h2"]);
}

#[test]
fn the_store_lies_in_the_data_folder_unless_it_is_named() {
    let path = |world: World| match world.good().settings.store {
        StoreSetting::Sqlite(path) => path,
        StoreSetting::Postgres(_) => panic!("not asked for"),
    };
    assert_eq!(path(World::file("data_dir = \"/d\"")), Path::new("/d/countersign.db"));
    assert_eq!(path(World::file("store = \"sqlite:x.db\"")), Path::new("x.db"));
    assert_eq!(path(World::file("store = \"sqlite:///var/x.db\"")), Path::new("/var/x.db"));
}

#[test]
fn enrichment_is_on_exactly_where_there_are_credentials_unless_it_is_told() {
    let jwt = "[docusign]\nclient_id = \"c\"\nuser_id = \"u\"\nprivate_key_file = \"key.pem\"";
    let pem = "-----BEGIN RSA PRIVATE KEY-----\nx\n-----END RSA PRIVATE KEY-----\n";
    assert!(!World::default().good().settings.enrich);
    assert!(World::file(jwt).with_file("key.pem", pem).good().settings.enrich);
    assert!(!World::file(&format!("enrich = false\n{jwt}")).with_file("key.pem", pem).good().settings.enrich);
    assert!(World::default().env("COUNTERSIGN_DOCUSIGN__ACCESS_TOKEN", "t").good().settings.enrich);
    assert!(World::file("enrich = true").fault().contains("no credentials"));
}

#[test]
fn where_accounts_are_linked_our_key_needs_no_user_of_its_own_and_users_must_find_back() {
    let pem = "-----BEGIN RSA PRIVATE KEY-----\nx\n-----END RSA PRIVATE KEY-----\n";
    let linking = |redirect: &str| {
        let file = "hmac_keys = \"k\"\n[docusign]\nclient_id = \"c\"\nprivate_key_file = \"key.pem\"\nredirect_url = ";
        World::file(&format!("{file}\"{redirect}\"")).with_file("key.pem", pem)
    };
    let world = linking("https://host.example/base/oauth/callback");
    assert!(world.warnings().is_empty(), "{:?}", world.warnings());
    assert!(world.good().settings.can_link() && !world.good().settings.docusign.has_credentials());
    let warnings = linking("https://host.example/back").warnings();
    assert!(warnings[0].starts_with("docusign.redirect_url"), "{warnings:?}");
}

#[test]
fn sizes_can_have_units_and_numbers_underscores() {
    let bytes =
        |text: &str| World::file(&format!("delivery_bytes_max = {text}")).good().settings.delivery_bytes_max;
    assert_eq!(bytes("\"1MiB\""), 1024 * 1024);
    assert_eq!(bytes("1_000_000"), 1_000_000);
    assert_eq!(bytes("0x100000"), 1024 * 1024);
    assert_eq!(
        World::default().env("COUNTERSIGN_DELIVERY_BYTES_MAX", "2 MiB").good().settings.delivery_bytes_max,
        2 << 20
    );
}

#[test]
fn watched_files_are_the_settings_file_and_the_secrets_that_are_read_again() {
    let world = World::file(
        "hmac_keys_file = \"a\"\napi_token_file = \"b\"\nvault_key_file = \"e\"\n[[source]]\nname = \"s\"\nhmac_keys_file = \"/c\"\nbasic_auth_file = \"d\"",
    );
    let world = world.with_file("a", "1").with_file("b", "2").with_file("/c", "3").with_file("d", "u:p");
    let world = world.with_file("e", "5");
    let want = ["/c", "/srv/a", "/srv/b", "/srv/countersign.toml", "/srv/d"].map(PathBuf::from);
    assert_eq!(world.good().watched_files, want);
    assert_eq!(world.reload().unwrap().watched_files, want);
    assert!(World::default().good().watched_files.is_empty());
}

#[test]
fn a_reload_reads_only_what_can_change_while_it_runs() {
    let queue = "[[queue]]\nname = \"q\"\nbind = [\"#\"]";
    let world = World::file(&format!(
        "store = \"nonsense\"\nbroker_file = \"gone\"\nhmac_keys = \"new\"\napi_token = \"token\"\n{queue}"
    ));
    assert!(world.load().is_err());
    let reloaded = world.reload().unwrap();
    assert_eq!(shown(&reloaded.sources[0].hmac_keys), ["new"]);
    assert_eq!((reloaded.queues[0].name.as_str(), reloaded.api_token.is_some()), ("q", true));
    assert!(World::file("hmac_keys_file = \"gone\"").reload().is_err());
    assert!(World::file("hmac_keys = [").reload().is_err());
}
