//! Every command explains itself, and wrong usage ends with 2.

use super::kit::countersign;

/// The commands that a help text lists.
fn commands(help: &str) -> Vec<String> {
    let lines = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let lines = lines.take_while(|line| !line.is_empty()).filter(|line| !line.starts_with("     "));
    lines
        .filter_map(|line| line.split_whitespace().next())
        .map(str::to_owned)
        .filter(|name| name != "help")
        .collect()
}

fn walk(path: &[&str], leaves: &mut Vec<String>) {
    let help = countersign(path).arg("--help").done();
    assert!(help.stderr.is_empty(), "{path:?}: {}", help.stderr);
    assert!(help.stdout.contains("Usage: countersign"), "{path:?}: {}", help.stdout);
    let inner = commands(&help.stdout);
    if inner.is_empty() {
        assert!(help.stdout.contains("Example"), "{path:?} shows no example:\n{}", help.stdout);
        assert!(!help.stdout.starts_with("Usage"), "{path:?} does not say what it is for");
        leaves.push(path.join(" "));
    }
    for name in &inner {
        let path: Vec<&str> = path.iter().copied().chain([name.as_str()]).collect();
        walk(&path, leaves);
    }
}

#[test]
fn every_command_explains_itself_with_examples() {
    let mut leaves = Vec::new();
    walk(&[], &mut leaves);
    for command in [
        "serve",
        "demo",
        "simulate",
        "check",
        "signature sign",
        "signature verify",
        "signature explain",
        "events list",
        "events show",
        "events tail",
        "events replay",
        "trace",
        "replay",
        "reconcile",
        "connect show",
        "connect lint",
        "connect register",
        "quarantine list",
        "quarantine show",
        "quarantine release",
        "quarantine drop",
        "accounts list",
        "accounts link",
        "accounts remove",
        "token create",
        "token list",
        "token revoke",
        "vault rotate",
        "topology plan",
        "topology apply",
        "topology check",
        "config print",
        "config reference",
        "completions",
        "man",
    ] {
        assert!(leaves.iter().any(|leaf| leaf == command), "{command} is not in {leaves:?}");
    }
}

#[test]
fn the_version_is_told() {
    let version = countersign(&["--version"]).done();
    assert_eq!(version.stdout, format!("countersign {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn wrong_usage_ends_with_2_and_says_so_on_stderr() {
    for args in [
        &["nothing"][..],
        &["serve", "--role", "everything"],
        &["events", "list", "--limit", "0"],
        &["events", "tail", "--count", "0"],
        &["events", "replay", "--token", "t", "--url", "http://127.0.0.1:1"],
        &["events", "replay", "1", "--from", "2"],
        &["events", "list", "--url", "not an address"],
        &["events", "list", "--token", "t", "--url", "ftp://host"],
        &["quarantine", "release"],
        &["config", "print", "--set", "novalue"],
        &["completions", "cmd.exe"],
        &["simulate", "--key", "k", "--url", "ftp://host"],
        &["simulate", "--key", "k", "--duplicate", "1.5"],
        &["simulate", "--key", "k", "--drop", "-0.5"],
        &["reconcile", "--from", "yesterday"],
        &["reconcile", "--list", "--dry-run"],
        &["connect", "register", "--source", "sales", "--url", "http://127.0.0.1:1", "--token", "t"],
        &["simulate", "--key", "k", "--rate", "-1"],
        &["simulate", "--key", "k", "--connections", "0"],
        &["signature", "sign", "--key", "k", "--source", "s"],
        &["signature", "sign"],
        &["signature", "sign", "--source", "nobody"],
        &["signature", "verify", "--header", "no colon"],
    ] {
        let ended = countersign(args).ends(2);
        assert!(ended.stdout.is_empty() && ended.stderr.contains("error:"), "{args:?}: {}", ended.stderr);
    }
    for unfinished in
        [&[][..], &["events"], &["quarantine"], &["config"], &["signature"], &["topology"], &["connect"]]
    {
        assert!(countersign(unfinished).ends(2).stderr.contains("Commands:"), "{unfinished:?}");
    }
}
