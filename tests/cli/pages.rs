//! Completions and manual pages.

use super::kit::countersign;

#[test]
fn every_shell_gets_a_script_that_knows_the_commands() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = countersign(&["completions", shell]).done().stdout;
        for word in ["quarantine", "--data-dir", "replay"] {
            let word = if shell == "fish" { word.trim_start_matches('-') } else { word };
            assert!(script.contains(word), "{shell}: {word}");
        }
    }
}

#[test]
fn the_manual_is_one_page_or_one_for_each_command() {
    let page = countersign(&["man"]).done().stdout;
    assert!(page.contains(".TH countersign 1") && page.contains(".SH SYNOPSIS"), "{page}");
    let mut program = countersign(&["man", "--dir", "made/man1"]);
    assert!(program.done().stdout.is_empty());
    let pages = std::fs::read_dir(program.path().join("made/man1")).unwrap();
    let mut names: Vec<String> = pages.map(|page| page.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    for name in ["countersign.1", "countersign-serve.1", "countersign-events-tail.1"] {
        assert!(names.iter().any(|n| n == name), "{name} is not in {names:?}");
    }
}

#[test]
fn a_folder_that_cannot_be_written_is_named() {
    let ended = countersign(&["man", "--dir", "file"]).file("file", "").ends(1);
    assert!(ended.stderr.contains("cannot be written to file"), "{}", ended.stderr);
}
