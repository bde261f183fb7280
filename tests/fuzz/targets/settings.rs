//! Settings from a file, variables and flags: every fault in one report, no secret in any of it.
//!
//! The parts stand apart by a zero byte: the settings file, then variables as `NAME=value`.

use std::io;
use std::path::{Path, PathBuf};

use countersign::config::{Environment, Flags, Loaded, Report, SetFlag, load, reload};

/// What every secret of here is.
const SECRET: &str = "Zq7-never-to-be-shown-7qZ";
/// Where a flag wants the server to listen.
const LISTEN: &str = "127.0.0.1:7";
const CWD: &str = "/srv";

pub(crate) fn check(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let mut parts = text.split('\0');
    let file = parts.next().unwrap_or_default();
    let mut env: Environment = parts
        .filter_map(|part| part.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    for secret in ["COUNTERSIGN_API_TOKEN", "COUNTERSIGN_HMAC_KEYS", "COUNTERSIGN_VAULT_KEY"] {
        env.entry(secret.to_owned()).or_insert_with(|| SECRET.to_owned());
    }
    let read = |path: &Path| match path.extension().and_then(|extension| extension.to_str()) {
        Some("secret") => Ok(SECRET.to_owned()),
        _ if path == Path::new(CWD).join("countersign.toml") => Ok(file.to_owned()),
        _ => Err(io::ErrorKind::NotFound.into()),
    };
    let mut flags = Flags::default();
    let plain = load(&flags, &env, Path::new(CWD), &read);
    // A secret that the file puts elsewhere by a variable's name is no secret of ours.
    let shows_secrets = file.contains("${COUNTERSIGN_") || text.contains(SECRET);
    told(&plain, shows_secrets);
    let sources = reload(&flags, &env, Path::new(CWD), &read);
    if let Ok(loaded) = &plain {
        let sources = sources.expect("what was loaded is loaded again").sources;
        assert_eq!(sources.len(), loaded.settings.sources.len());
        assert!(!sources.is_empty() && loaded.rows.len() >= 20);
    }

    flags.set.push(SetFlag { flag: "--listen".into(), key: "listen".into(), value: LISTEN.into() });
    let flagged = load(&flags, &env, Path::new(CWD), &read);
    told(&flagged, shows_secrets);
    match flagged {
        Ok(loaded) => assert_eq!(loaded.settings.listen, LISTEN, "a flag goes before all"),
        Err(_) => assert!(plain.is_err(), "a flag that is right made something wrong"),
    }
    written_plainly(file);
}

/// Whatever is to be said of settings, right or wrong.
fn told(loaded: &Result<Loaded, Report>, shows_secrets: bool) {
    let text = match loaded {
        Ok(loaded) => {
            let rows: Vec<_> = loaded.rows.iter().map(|row| format!("{} {row}", row.json())).collect();
            format!("{loaded:?} {}", rows.join("\n"))
        }
        Err(report) => {
            assert!(!report.faults.is_empty(), "nothing is wrong, and yet it is");
            for fault in &report.faults {
                assert!(
                    !fault.key.is_empty() && !fault.what.is_empty() && !fault.todo.is_empty(),
                    "{fault:?}"
                );
            }
            format!("{report} {report:?}")
        }
    };
    assert!(shows_secrets || !text.contains(SECRET), "a secret is shown: {text}");
}

/// Any text can be written in the file, `${` by `$${`, and comes out as it was.
fn written_plainly(text: &str) {
    let text: String = text.chars().filter(|c| !c.is_control()).take(64).collect();
    if text.is_empty() {
        return;
    }
    // JSON's escapes are TOML's too.
    let quoted = serde_json::to_string(&text.replace("${", "$${")).unwrap();
    let read = |_: &Path| Ok(format!("data_dir = {quoted}\n"));
    let loaded = load(&Flags::default(), &Environment::new(), Path::new(CWD), &read);
    let loaded = loaded.unwrap_or_else(|report| panic!("{text:?}: {report}"));
    assert_eq!(loaded.settings.data_dir, PathBuf::from(text));
}

pub(crate) fn seeds(_: &Path) -> Vec<Vec<u8>> {
    let reference = countersign::config::reference();
    // The reference with its examples switched on, whole and line by line.
    let examples: Vec<_> = reference.lines().filter_map(|line| line.strip_prefix('#')).collect();
    let mut seeds: Vec<Vec<u8>> =
        examples.iter().filter(|line| line.contains('=')).map(|line| line.as_bytes().to_vec()).collect();
    seeds.push(reference.as_bytes().to_vec());
    seeds.extend(
        [
            "",
            "listen = \"[::1]:0\"\ndelivery_bytes_max = \"4 MiB\"\nthreads = 0x10\nenrich = false\n[log]\nlevel = \"info,countersign::relay=debug\"\n",
            "broker = [\"amqp://u:${PASSWORD}@h:5672/%2f\", \"amqps://h\"]\0PASSWORD=$${x}",
            "[[source]]\nname = \"eu\"\nhmac_keys_file = \"eu.secret\"\naccounts = [\"1\"]\ntimezone = \"Europe/Berlin\"\nbasic_auth = \"u:p\"\n[[source]]\nname = \"us\"\n",
            "[[queue]]\nname = \"q\"\nbind = [\"signing_request.completed.*\", \"#\"]\ntype = \"quorum\"\ndelivery_limit = 5\nmax_length = 10\nsingle_active_consumer = true\ndead_letter_exchange = \"dlx\"\n",
            "[docusign]\nauth_url = \"https://account-d.docusign.com\"\nclient_id = \"c\"\nuser_id = \"u\"\nprivate_key_file = \"key.secret\"\nbase_uri = \"http://127.0.0.1:9\"\n",
            "data_dir = \"$${HOME}/${X}\"\nlisen = 1\n\0X=y\0COUNTERSIGN_LISTEN=0.0.0.0:1\0COUNTERSIGN_DOCUSIGN__CLIENT_ID=id\0COUNTERSIGN_NO_SUCH=1",
            "api_token_file = \"t.secret\"\nstore = \"sqlite:/x/y.db\"\ndedup_retention_days = 30\ncloud_events = \"structured\"\0COUNTERSIGN_API_TOKEN=",
        ]
        .map(|text| text.as_bytes().to_vec()),
    );
    seeds
}
