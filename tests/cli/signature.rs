//! `countersign signature`: what it signs the server takes, and what is wrong is found.

use super::kit::countersign;

/// RFC 4231, test case 2, in base64.
const KEY: &str = "Jefe";
const BODY: &[u8] = b"what do ya want for nothing?";
const SIGNATURE: &str = "W9zBRr9gdU5qBCQmCJV1x1oAPwidJzmDnexYuWTsOEM=";

#[test]
fn a_message_is_signed_as_the_standard_says() {
    let ended = countersign(&["signature", "sign", "--key", KEY]).stdin(BODY).done();
    assert_eq!(ended.stdout, format!("X-DocuSign-Signature-1: {SIGNATURE}\n"));
    let json = countersign(&["signature", "sign", "--key", KEY, "--json"]).stdin(BODY).done().json();
    assert_eq!(json["headers"]["X-DocuSign-Signature-1"], SIGNATURE);
}

#[test]
fn what_was_signed_verifies_and_what_was_changed_does_not() {
    let key = "klíč-ž+/=";
    let body = "{\"é\":1}\r\n";
    let keys = format!("older\r\n{key}\n");
    let sign = countersign(&["signature", "sign", "--key-file", "keys", "--body", "m.json"]);
    let signed = sign.file("keys", &keys).file("m.json", body).done().stdout;
    assert_eq!(signed.lines().count(), 2, "one header for each key: {signed}");
    let theirs = signed.lines().nth(1).unwrap().replace("-2:", "-1:");

    let verify = |body: &str, key_file: &str| {
        countersign(&["signature", "verify", "--key-file", "keys", "--headers", "headers"])
            .file("keys", key_file)
            .file(
                "headers",
                &format!("POST /connect HTTP/1.1\nContent-Type: application/json\n{theirs}\n\nbody"),
            )
            .stdin(body.as_bytes())
            .run()
    };
    let ended = verify(body, &keys);
    assert_eq!((ended.code, ended.stdout.as_str()), (0, "valid: key 2 of 2 signed it\n"));
    for (body, keys) in [(body.trim(), keys.as_str()), (body, "older\n"), ("", &keys)] {
        let ended = verify(body, keys);
        assert_eq!((ended.code, ended.stdout.as_str()), (1, "invalid: signature_wrong\n"));
        assert!(ended.stderr.contains("signature explain"), "{}", ended.stderr);
        assert!(!ended.stderr.contains("older"), "{}", ended.stderr);
    }
}

#[test]
fn verifying_goes_by_the_rules_of_the_server() {
    let verify = |args: &[&str]| {
        let ended =
            countersign(&["signature", "verify", "--json", "--key", KEY]).args(args).stdin(BODY).run();
        (ended.code, ended.json()["reason"].as_str().unwrap_or("valid").to_owned())
    };
    assert_eq!(verify(&["--signature", SIGNATURE]), (0, "valid".into()));
    assert_eq!(verify(&["--signature", "AAAA", "--signature", SIGNATURE]), (0, "valid".into()));
    assert_eq!(verify(&["--header", &format!("x-docusign-signature-77: {SIGNATURE}")]), (0, "valid".into()));
    assert_eq!(
        verify(&["--header", &format!("X-DocuSign-Signature-101: {SIGNATURE}")]),
        (1, "signature_missing".into())
    );
    assert_eq!(verify(&[]), (1, "signature_missing".into()));
    assert_eq!(verify(&["--signature", &SIGNATURE.to_lowercase()]), (1, "signature_wrong".into()));
    let digest = ["--signature", SIGNATURE, "--header", "X-Authorization-Digest: SHA1"];
    assert_eq!(verify(&digest), (1, "digest_unknown".into()));
}

#[test]
fn keys_come_from_the_settings_of_a_source() {
    let toml = "hmac_keys = \"top\"\n[[source]]\nname = \"sales\"\nhmac_keys = \"Jefe\"\n[[source]]\nname = \"shut\"\n";
    let verify = |args: &[&str]| {
        let program = countersign(&["signature", "verify", "--signature", SIGNATURE]).args(args);
        program.file("countersign.toml", toml).stdin(BODY).run()
    };
    assert_eq!(verify(&["--source", "sales"]).code, 0);
    assert_eq!(verify(&[]).code, 1);
    let ended = verify(&["--source", "nobody"]);
    assert!(ended.code == 2 && ended.stderr.contains("default, sales, shut"), "{}", ended.stderr);
    let ended = verify(&["--source", "shut"]);
    assert!(ended.code == 2 && ended.stderr.contains("no key"), "{}", ended.stderr);
    assert_eq!(verify(&["--set", "listen=nowhere"]).code, 78);
}

#[test]
fn what_went_wrong_is_explained() {
    let words = |args: &[&str], body: &[u8], toml: &str| {
        let program = countersign(&["signature", "explain", "--json"]).args(args);
        let ended = program.file("countersign.toml", toml).stdin(body).run();
        let json = ended.json();
        let words =
            json["findings"].as_array().unwrap().iter().map(|f| f["word"].as_str().unwrap().to_owned());
        (ended.code, json["verified"].as_bool().unwrap(), words.collect::<Vec<_>>().join(" "))
    };
    let toml = "hmac_keys = \"top\"\n[[source]]\nname = \"sales\"\nhmac_keys = \"Jefe\"\n";
    assert_eq!(words(&["--key", KEY, "--signature", SIGNATURE], BODY, ""), (0, true, "verified".into()));
    assert_eq!(words(&["--signature", SIGNATURE], BODY, toml), (1, false, "other_source".into()));
    assert_eq!(words(&[], BODY, toml), (1, false, "signature_missing".into()));
    let header = format!("X-Signature: {SIGNATURE}");
    assert_eq!(words(&["--key", KEY, "--header", &header], BODY, ""), (1, false, "header_name_wrong".into()));
    let (code, verified, found) = words(&["--key", "Jefe ", "--signature", SIGNATURE], BODY, "");
    assert!(code == 1 && !verified && found.contains("key"), "{found}");
    let ended = countersign(&["signature", "explain", "--key", "wrong", "--signature", SIGNATURE])
        .stdin(BODY)
        .ends(1);
    assert!(
        ended.stdout.starts_with("invalid\n- ") && ended.stdout.contains("what to do:"),
        "{}",
        ended.stdout
    );
    assert!(!ended.stdout.contains(SIGNATURE), "{}", ended.stdout);
}

#[test]
fn files_that_are_not_there_or_hold_nothing_are_named() {
    for (args, named) in [
        (&["--key", "k", "--body", "gone"][..], "gone cannot be read"),
        (&["--key-file", "gone"], "gone cannot be read"),
        (&["--key-file", "empty"], "holds no key"),
    ] {
        let ended = countersign(&["signature", "sign"]).args(args).file("empty", "\n,\n").stdin(BODY).ends(1);
        assert!(ended.stderr.contains(named), "{}", ended.stderr);
    }
}
