//! Everything that is wrong comes out, at once, by name, and without secrets.

use super::*;

#[test]
fn all_faults_of_all_layers_come_in_one_report() {
    let world =
        World::file("listne = 1\nthreads = 0\n[docusign]\nauth_url = \"http://evil.example\"\n[[source]]\n")
            .env("COUNTERSIGN_LISTEN", "8080")
            .env("COUNTERSIGN_BROKR", "none")
            .env("COUNTERSIGN_API_TOKEN_FILE", "/gone")
            .flag("--set", "store", "postgres://u:p@h/db?sslmode=on")
            .flag("--set", "nothing", "x");
    let report = world.load().unwrap_err();
    let keys: Vec<&str> = report.faults.iter().map(|fault| fault.key.as_str()).collect();
    for key in [
        "listne",
        "threads",
        "docusign.auth_url",
        "source[1].name",
        "listen",
        "COUNTERSIGN_BROKR",
        "api_token",
        "store",
        "nothing",
    ] {
        assert!(keys.contains(&key), "{key} is not in {keys:?}");
    }
    assert_eq!(report.faults.len(), 9, "{report}");
    let text = report.to_string();
    assert!(text.starts_with("9 settings are wrong\n"), "{text}");
    assert!(
        text.contains("listen (COUNTERSIGN_LISTEN), set in the environment: `8080` is no HOST:PORT"),
        "{text}"
    );
    assert!(text.contains("did you mean `listen`?"), "{text}");
    assert!(text.contains("did you mean `COUNTERSIGN_BROKER`?"), "{text}");
    assert!(text.contains("countersign.toml:2"), "{text}");
    assert!(text.contains("its sslmode is none of"), "{text}");
    assert!(text.contains("store (COUNTERSIGN_STORE), set by --set"), "{text}");
}

#[test]
fn no_fault_shows_a_secret() {
    const SECRET: &str = "hunter2";
    let pairs = [
        ("COUNTERSIGN_BROKER", "http://user:hunter2@host"),
        ("COUNTERSIGN_BROKER", "amqp://user:hunter2@host:notaport"),
        ("COUNTERSIGN_BROKER", "hunter2"),
        ("COUNTERSIGN_STORE", "mysql://user:hunter2@host"),
        ("COUNTERSIGN_API_TOKEN", "hunter2 with space"),
        ("COUNTERSIGN_DOCUSIGN__PRIVATE_KEY", "hunter2"),
        ("COUNTERSIGN_DOCUSIGN__CLIENT_SECRET", "hunter2"),
        ("COUNTERSIGN_APITOKEN", "hunter2"),
    ];
    for (name, value) in pairs {
        let faults = World::default().env(name, value).faults();
        assert!(!faults.join("\n").contains(SECRET), "{name}: {faults:?}");
    }
    let texts = [
        "api_token = \"hunter2",
        "api_token = hunter2",
        "hmac_keys = [\"hunter2\" \"x\"]",
        "[[source]]\nname = \"s\"\nbasic_auth = \"hunter2\"",
        "api_token = \"hunter2\"\napi_token = \"hunter2\"",
        "hunter2x = \"hunter2\"",
    ];
    for text in texts {
        let faults = World::file(text).faults();
        assert!(!faults.join("\n").replace("hunter2x", "").contains(SECRET), "{text}: {faults:?}");
    }
}

#[test]
fn broken_toml_names_its_lines_and_nothing_that_follows_from_it() {
    let faults = World::file("listen = \"127.0.0.1:1\"\nthreads = = 4\n\nlog = [\n").faults();
    assert!(faults.iter().all(|fault| fault.contains("is no TOML")), "{faults:?}");
    assert!(faults[0].contains("countersign.toml:2"), "{faults:?}");
}

#[test]
fn wrong_types_say_which_type_stands_there_and_which_belongs_there() {
    for (text, belongs) in [
        ("listen = 8080", "write a text in quotes"),
        ("threads = true", "write a whole number"),
        ("threads = \"many\"", "a whole number from 1 to 256"),
        ("threads = 99999999999999999999999999", "a whole number from 1 to 256"),
        ("audit_stream = 1", "write true or false"),
        ("audit_stream = \"yes\"", "write one of: true, false"),
        ("hmac_keys = 5", "write a list of texts"),
        ("hmac_keys = [5]", "every item as a text"),
        ("api_token_file = []", "write a text in quotes"),
        ("docusign = 5", "lists every key"),
        ("log = {}", "lists every key"),
        ("[source]\nname = \"x\"", "write [[source]] with two brackets"),
        ("source = [1]", "write [[source]]"),
        ("[[docusign]]\nclient_id = \"x\"", "lists every key"),
    ] {
        let fault = World::file(text).fault();
        assert!(fault.contains(belongs), "{text}: {fault}");
    }
}

#[test]
fn values_out_of_bounds_are_refused() {
    for text in [
        "listen = \":8080\"",
        "listen = \"127.0.0.1\"",
        "listen = \"127.0.0.1:70000\"",
        "listen = \"::1:80\"",
        "listen = \"http://x:80\"",
        "listen = \"\"",
        "data_dir = \"\"",
        "store = \"countersign.db\"",
        "store = \"sqlite::memory:\"",
        "store = \"sqlite:\"",
        "broker = \"amqp://\"",
        "broker = \"amqp://host,none\"",
        "hmac_keys = \" \"",
        "delivery_bytes_max = 0",
        "delivery_bytes_max = \"1 TB\"",
        "delivery_bytes_max = \"99999999999GiB\"",
        "reconcile_every = \"5m\"",
        "reconcile_every = \"2 days\"",
        "reconcile_every = \"often\"",
        "public_url = \"http://hooks.example.com\"",
        "dedup_retention_days = 0",
        "cloud_events = \"Binary\"",
        "log.format = \"xml\"",
        "log.level = \"loud\"",
        "log.level = \"info,=debug\"",
        "docusign.auth_url = \"account.docusign.com\"",
        "docusign.redirect_url = \"ftp://x\"",
        "docusign.base_uri = \"http://10.0.0.1\"",
        "docusign.client_secret = \"without an id\"",
    ] {
        World::file(text).fault();
    }
}

#[test]
fn values_at_the_edge_are_taken() {
    for text in [
        "listen = \"[::1]:0\"",
        "listen = \"localhost:80\"",
        "log.level = \"warn,countersign::relay=trace\"",
        "docusign.base_uri = \"http://127.0.0.1:9090/\"",
        "docusign.auth_url = \"http://[::1]:9090\"",
        "delivery_bytes_max = \"64KiB\"",
        "hmac_keys = []",
    ] {
        World::file(text).good();
    }
    let auth_url = World::file("docusign.auth_url = \"https://x/\"").good().settings.docusign.auth_url;
    assert_eq!(auth_url, "https://x", "paths are joined to it");
}

#[test]
fn the_jwt_grant_needs_all_its_parts() {
    let pem = "-----BEGIN PRIVATE KEY-----\nx\n-----END PRIVATE KEY-----";
    let faults = World::default().env("COUNTERSIGN_DOCUSIGN__PRIVATE_KEY", pem).faults();
    assert_eq!(faults.len(), 2, "{faults:?}");
    assert!(faults[0].starts_with("docusign.client_id (COUNTERSIGN_DOCUSIGN__CLIENT_ID): it is missing"));
    assert!(faults[1].starts_with("docusign.user_id"));
}

#[test]
fn what_is_weak_is_a_warning_and_no_fault() {
    let warnings = World::default().warnings();
    assert!(warnings.len() == 1 && warnings[0].contains("every delivery is refused"), "{warnings:?}");
    let world = World::default().env("COUNTERSIGN_HMAC_KEYS", "k").env("COUNTERSIGN_LISTEN", "0.0.0.0:8080");
    let warnings = world.warnings();
    assert!(warnings.len() == 1 && warnings[0].contains("on this machine only"), "{warnings:?}");
    assert!(world.env("COUNTERSIGN_API_TOKEN", "t").warnings().is_empty());
    let world = World::file("hmac_keys = \"k\"\ndedup_retention_days = 14");
    assert!(world.warnings()[0].contains("15 days"));
}

#[test]
fn debug_output_hides_every_secret() {
    let world = World::file(
        "api_token = \"hunter2\"\nvault_key = \"hunter2\"\nhmac_keys = \"hunter2\"\nbroker = \"amqp://u:hunter2@h\"\n\
         docusign.access_token = \"hunter2\"\n[[source]]\nname = \"s\"\nbasic_auth = \"u:hunter2\"\nhmac_keys = \"hunter2\"",
    );
    assert!(!format!("{:?}", world.good()).contains("hunter2"));
}
