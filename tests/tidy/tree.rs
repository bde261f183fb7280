//! The tree as text: its files, and Rust code with its comments and strings blanked out.

use std::fmt;
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use countersign::telemetry::Metric;
use countersign::telemetry::metrics::Kind;

/// Folders that are made, not written.
const NOT_WRITTEN: &[&str] =
    &[".git", "target", ".venv", ".run", "countersign-data", "__pycache__", "node_modules"];

/// A place in the tree, and what to do there.
pub(crate) struct Finding {
    path: String,
    line: usize,
    what: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.what)
    }
}

/// One file of text.
pub(crate) struct File {
    /// From the top of the tree, with forward slashes.
    pub(crate) path: String,
    /// As it is.
    pub(crate) text: String,
    code: String,
    test_lines: Vec<Range<usize>>,
}

fn top() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Every file of text that somebody wrote, read once.
pub(crate) fn tree() -> &'static [File] {
    static TREE: OnceLock<Vec<File>> = OnceLock::new();
    TREE.get_or_init(|| {
        let mut files = Vec::new();
        walk(&top(), &mut files);
        files.sort_by(|a, b| a.path.cmp(&b.path));
        files
    })
}

fn walk(folder: &Path, files: &mut Vec<File>) {
    for entry in fs::read_dir(folder).expect("a readable folder").flatten() {
        let path = entry.path();
        let name = entry.file_name();
        if NOT_WRITTEN.iter().any(|not| name == *not) {
            continue;
        }
        if path.is_dir() {
            walk(&path, files);
        } else if let Ok(text) = fs::read_to_string(&path) {
            let path = path.strip_prefix(top()).expect("inside").to_string_lossy().replace('\\', "/");
            // In a second worktree `.git` is a file that names the first one's folder.
            if path != ".git" {
                files.push(File::new(path, text));
            }
        }
    }
}

/// Whether `target`, as a document at `path` writes it, is there.
pub(crate) fn exists_beside(path: &str, target: &str) -> bool {
    let folder = top().join(path);
    folder.parent().is_some_and(|folder| folder.join(target).exists())
}

/// A metric's name as Prometheus shows it.
pub(crate) fn metric_name(metric: Metric) -> String {
    let (kind, name, _, _) = metric.describe();
    match kind {
        Kind::Counter => format!("{name}_total"),
        Kind::Gauge => name.to_owned(),
        Kind::Seconds => format!("{name}_seconds"),
    }
}

/// A metric's row in the operators' table.
pub(crate) fn metric_row(metric: Metric) -> String {
    let (kind, _, label, help) = metric.describe();
    let name = metric_name(metric);
    let kind = match kind {
        Kind::Counter => "counter",
        Kind::Gauge => "gauge",
        Kind::Seconds => "histogram",
    };
    let label = if label.is_empty() { String::new() } else { format!("`{label}`") };
    format!("| `{name}` | {kind} | {label} | {help} |")
}

/// `CamelCase` as `camel_case`.
pub(crate) fn snake_case(name: &str) -> String {
    let mut snake = String::new();
    for (index, c) in name.char_indices() {
        if c.is_ascii_uppercase() && index > 0 {
            snake.push('_');
        }
        snake.push(c.to_ascii_lowercase());
    }
    snake
}

fn in_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn name_at(text: &str) -> &str {
    let end = text.find(|c| !in_name(c)).unwrap_or(text.len());
    &text[..end]
}

impl File {
    fn new(path: String, text: String) -> Self {
        let code = if path.ends_with(".rs") { blank(&text) } else { String::new() };
        let mut file = Self { path, text, code, test_lines: Vec::new() };
        file.test_lines = file.find_tests();
        file
    }

    /// What is wrong here.
    pub(crate) fn finding(&self, line: usize, what: impl Into<String>) -> Finding {
        Finding { path: self.path.clone(), line, what: what.into() }
    }

    /// The top-level module that it belongs to; none outside of `src`.
    pub(crate) fn room(&self) -> Option<&str> {
        let inside = self.path.strip_prefix("src/")?;
        Some(inside.split('/').next().unwrap_or(inside).trim_end_matches(".rs"))
    }

    pub(crate) fn lines(&self) -> usize {
        self.text.lines().count()
    }

    fn line_at(&self, at: usize) -> usize {
        self.code[..at].matches('\n').count() + 1
    }

    /// Whether a line lies in a `#[cfg(test)]` module or a file of tests.
    pub(crate) fn is_test(&self, line: usize) -> bool {
        let file_of_tests = self.path.starts_with("tests/")
            || self.path.ends_with("/tests.rs")
            || self.path.ends_with("_test.rs")
            || self.path.contains("/tests/");
        file_of_tests || self.test_lines.iter().any(|lines| lines.contains(&line))
    }

    fn find_tests(&self) -> Vec<Range<usize>> {
        let mut found = Vec::new();
        for (at, mark) in self.code.match_indices("#[cfg(test)]") {
            let after = at + mark.len();
            if let Some(end) = self.body_end(after) {
                found.push(self.line_at(at)..self.line_at(end) + 1);
            }
        }
        found
    }

    /// The end of the first braced block after `from`; none where a `;` comes first.
    fn body_end(&self, from: usize) -> Option<usize> {
        let (mut depth, mut nested) = (0_usize, 0_i32);
        for (at, c) in self.code[from..].char_indices() {
            match c {
                '(' | '[' => nested += 1,
                ')' | ']' => nested -= 1,
                ';' if depth == 0 && nested == 0 => return None,
                '{' => depth += 1,
                '}' if depth <= 1 => return Some(from + at),
                '}' => depth -= 1,
                _ => {}
            }
        }
        None
    }

    fn found<'a>(&'a self, text: &'a str) -> impl Iterator<Item = usize> + 'a {
        self.code.match_indices(text).map(|(at, _)| at)
    }

    /// Lines of code that hold `text`.
    pub(crate) fn lines_with<'a>(&'a self, text: &'a str) -> impl Iterator<Item = usize> + 'a {
        self.found(text).map(|at| self.line_at(at))
    }

    /// Lines that hold `text`, comments and strings included.
    pub(crate) fn raw_lines_with<'a>(&'a self, text: &'a str) -> impl Iterator<Item = usize> + 'a {
        self.text.lines().enumerate().filter(move |(_, line)| line.contains(text)).map(|(index, _)| index + 1)
    }

    fn word_starts<'a>(&'a self, word: &'a str) -> impl Iterator<Item = usize> + 'a {
        self.found(word).filter(move |at| {
            !self.code[..*at].ends_with(in_name) && !self.code[at + word.len()..].starts_with(in_name)
        })
    }

    /// Lines of code that say `word`, not as a part of another.
    pub(crate) fn words<'a>(&'a self, word: &'a str) -> impl Iterator<Item = usize> + 'a {
        self.word_starts(word).map(|at| self.line_at(at))
    }

    /// Lines of code with a path that begins with the crate `library`, or that bring it in.
    pub(crate) fn paths_from<'a>(&'a self, library: &'a str) -> impl Iterator<Item = usize> + 'a {
        self.word_starts(library)
            .filter(move |at| {
                let before = &self.code[..*at];
                let within = before.strip_suffix("::").is_some_and(|before| before.ends_with(in_name));
                let path = self.code[at + library.len()..].starts_with("::");
                !within && (path || before.ends_with("use "))
            })
            .map(|at| self.line_at(at))
    }

    /// The top-level modules that it names, with the lines.
    pub(crate) fn rooms_used(&self) -> Vec<(usize, String)> {
        let root = if self.path == "src/main.rs" { "countersign" } else { "crate" };
        let mut used = Vec::new();
        for at in self.word_starts(root) {
            let Some(after) = self.code[at + root.len()..].strip_prefix("::") else { continue };
            let line = self.line_at(at);
            match after.strip_prefix('{') {
                Some(group) => used.extend(group_heads(group).map(|name| (line, name))),
                None => used.push((line, name_at(after).to_owned())),
            }
        }
        // `pub(crate)` and the like name no module.
        used.retain(|(_, name)| !name.is_empty());
        used
    }

    /// Every identifier and keyword, with its line.
    pub(crate) fn identifiers(&self) -> impl Iterator<Item = (usize, &str)> {
        self.code.lines().enumerate().flat_map(|(index, line)| {
            line.split(|c| !in_name(c)).filter(|name| !name.is_empty()).map(move |name| (index + 1, name))
        })
    }

    fn named_by<'a>(&'a self, keyword: &'a str) -> impl Iterator<Item = (usize, &'a str)> + 'a {
        self.word_starts(keyword).filter_map(move |at| {
            let name = name_at(self.code[at + keyword.len()..].trim_start());
            (!name.is_empty()).then_some((at, name))
        })
    }

    /// The names that it gives to functions, modules and types, with their lines.
    pub(crate) fn names(&self) -> Vec<(usize, String)> {
        let keywords = ["fn", "mod", "struct", "enum", "trait", "type"];
        let named = keywords.iter().flat_map(|keyword| self.named_by(keyword));
        named.map(|(at, name)| (self.line_at(at), name.to_owned())).collect()
    }

    /// Functions with a body: line, name and length in lines.
    pub(crate) fn functions(&self) -> Vec<(usize, String, usize)> {
        self.named_by("fn")
            .filter_map(|(at, name)| {
                let (first, last) = (self.line_at(at), self.line_at(self.body_end(at)?));
                Some((first, name.to_owned(), last - first + 1))
            })
            .collect()
    }

    /// Targets of links to other files in a document, with their lines.
    pub(crate) fn links(&self) -> Vec<(usize, String)> {
        let mut links = Vec::new();
        for (index, line) in self.text.lines().enumerate() {
            for (at, _) in line.match_indices("](") {
                let Some((target, _)) = line[at + 2..].split_once(')') else { continue };
                let file = target.split('#').next().unwrap_or_default();
                if !file.is_empty() && !target.contains("://") && !target.starts_with("mailto:") {
                    links.push((index + 1, file.to_owned()));
                }
            }
        }
        links
    }
}

/// The first names in the list of a `use crate::{…}`.
fn group_heads(group: &str) -> impl Iterator<Item = String> + '_ {
    let mut depth = 1_usize;
    let end = group.find(|c| {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        depth == 0
    });
    let inside = &group[..end.unwrap_or(group.len())];
    let mut depth = 0_usize;
    let parts = inside.split(move |c| {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        c == ',' && depth == 0
    });
    parts.map(|part| name_at(part.trim_start()).to_owned())
}

/// The code alone: comments, and what stands between quotes, become spaces; lines stay where they are.
fn blank(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut code = String::with_capacity(text.len());
    let mut at = 0;
    while at < chars.len() {
        let end = skipped_until(&chars, at);
        if end == at {
            code.push(chars[at]);
            at += 1;
        } else {
            code.extend(chars[at..end].iter().map(|c| if *c == '\n' { '\n' } else { ' ' }));
            at = end;
        }
    }
    code
}

/// Where the comment, string or character that begins at `at` ends; `at` itself where none begins.
fn skipped_until(chars: &[char], at: usize) -> usize {
    let next = |ahead: usize| chars.get(at + ahead).copied();
    match chars[at] {
        '/' if next(1) == Some('/') => end_of(chars, at, |rest| rest[0] == '\n').0,
        '/' if next(1) == Some('*') => end_of_block_comment(chars, at),
        '"' => end_of_string(chars, at),
        'r' if (at == 0 || !in_name(chars[at - 1]) || chars[at - 1] == 'b') => end_of_raw_string(chars, at),
        '\'' if next(1) == Some('\\') => end_of(chars, at + 3, |rest| rest[0] == '\'').1,
        '\'' if next(2) == Some('\'') => at + 3,
        _ => at,
    }
}

/// The first place from `from` on where `ends` holds, and the place behind it.
fn end_of(chars: &[char], from: usize, ends: impl Fn(&[char]) -> bool) -> (usize, usize) {
    let end = (from..chars.len()).find(|at| ends(&chars[*at..])).unwrap_or(chars.len());
    (end, (end + 1).min(chars.len()))
}

fn end_of_block_comment(chars: &[char], from: usize) -> usize {
    let (mut at, mut depth) = (from, 0_usize);
    while at + 1 < chars.len() {
        match (chars[at], chars[at + 1]) {
            ('/', '*') => (depth, at) = (depth + 1, at + 2),
            ('*', '/') if depth == 1 => return at + 2,
            ('*', '/') => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
    }
    chars.len()
}

fn end_of_string(chars: &[char], from: usize) -> usize {
    let mut at = from + 1;
    while at < chars.len() && chars[at] != '"' {
        at += if chars[at] == '\\' { 2 } else { 1 };
    }
    (at + 1).min(chars.len())
}

fn end_of_raw_string(chars: &[char], from: usize) -> usize {
    let hashes = chars[from + 1..].iter().take_while(|c| **c == '#').count();
    let quote = from + 1 + hashes;
    if chars.get(quote) != Some(&'"') {
        return from;
    }
    let closes =
        |rest: &[char]| rest[0] == '"' && rest[1..].iter().take_while(|c| **c == '#').count() >= hashes;
    (end_of(chars, quote + 1, closes).1 + hashes).min(chars.len())
}

#[test]
fn comments_strings_and_characters_are_no_code() {
    let text =
        "let a = \"x{\\\"\"; // {\nlet b = r#\"{\"\"#; /* { /* { */ */ let c = '{'; let d: &'a str = '\\'' ;";
    let code = blank(text);
    assert_eq!(code.matches('{').count(), 0, "{code}");
    assert_eq!(code.lines().count(), 2);
    assert!(code.contains("let d: &'a str ="), "{code}");
}

#[test]
fn tests_modules_rooms_and_functions_are_found() {
    let text = "use crate::{base::{A, B}, store};\nfn long(a: [u8; 2]) -> u8 {\n a[0]\n}\n#[cfg(test)]\nmod tests {\n use crate::relay::C;\n}\n";
    let file = File::new("src/web/x.rs".to_owned(), text.to_owned());
    assert_eq!(file.rooms_used(), [(1, "base".to_owned()), (1, "store".to_owned()), (7, "relay".to_owned())]);
    assert_eq!(file.functions(), [(2, "long".to_owned(), 3)]);
    assert!(!file.is_test(4) && file.is_test(5) && file.is_test(8));
    assert_eq!(file.room(), Some("web"));
}
