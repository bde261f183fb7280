//! stdout for data, stderr for talk; colour and progress bars only where somebody looks.

use std::fmt::Display;
use std::io::{self, IsTerminal as _, Write};

use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Style};
use comfy_table::Table;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::Value;

use super::Error;

/// When to colour.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub(super) enum Color {
    Auto,
    Always,
    Never,
}

pub(super) const GOOD: Style = AnsiColor::Green.on_default().bold();
pub(super) const WEAK: Style = AnsiColor::Yellow.on_default().bold();
pub(super) const BAD: Style = AnsiColor::Red.on_default().bold();
pub(super) const DIM: Style = Style::new().dimmed();

/// The two streams of this process.
#[derive(Debug, Clone, Copy)]
pub(super) struct Terminal {
    choice: ColorChoice,
}

impl Terminal {
    pub(super) fn new(color: Color) -> Self {
        let choice = match color {
            Color::Auto => ColorChoice::Auto,
            Color::Always => ColorChoice::Always,
            Color::Never => ColorChoice::Never,
        };
        choice.write_global();
        Self { choice }
    }

    /// stdout, for data.
    pub(super) fn out(&self) -> impl Write + use<> {
        AutoStream::new(io::stdout(), self.resolved(&io::stdout())).lock()
    }

    /// stderr, for talk.
    fn err(&self) -> impl Write + use<> {
        AutoStream::new(io::stderr(), self.resolved(&io::stderr())).lock()
    }

    fn resolved(&self, stream: &impl anstream::stream::RawStream) -> ColorChoice {
        if self.choice == ColorChoice::Auto { AutoStream::choice(stream) } else { self.choice }
    }

    /// One line of data.
    pub(super) fn line(&self, text: impl Display) -> Result<(), Error> {
        Ok(writeln!(self.out(), "{text}")?)
    }

    /// Bytes as they are.
    pub(super) fn raw(&self, bytes: &[u8]) -> Result<(), Error> {
        let mut out = io::stdout().lock();
        out.write_all(bytes)?;
        Ok(out.flush()?)
    }

    /// One JSON document: indented for a person at a terminal, one line for a pipe.
    pub(super) fn json(&self, value: &Value) -> Result<(), Error> {
        if io::stdout().is_terminal() { self.line(format_args!("{value:#}")) } else { self.line(value) }
    }

    /// A table with a header; without borders, so that it can be cut by columns.
    pub(super) fn table(
        &self,
        header: &[&str],
        rows: impl IntoIterator<Item = Vec<String>>,
    ) -> Result<(), Error> {
        let mut table = Table::new();
        table.load_style(comfy_table::presets::NOTHING);
        table.set_header(header);
        for row in rows {
            table.add_row(row.iter().map(|cell| plain(cell)));
        }
        for column in table.column_iter_mut() {
            column.set_padding((0, 2));
        }
        let mut out = self.out();
        for line in table.lines() {
            writeln!(out, "{}", line.trim_end())?;
        }
        Ok(())
    }

    /// One line of talk. That nobody may be there to read it is no failure.
    pub(super) fn say(&self, text: impl Display) {
        let _ = writeln!(self.err(), "{text}");
    }

    /// What went wrong and what to do.
    pub(super) fn error(&self, error: &Error) {
        if error.is_silent() {
            return;
        }
        self.say(format_args!("{BAD}error:{BAD:#} {error}"));
        if let Some(todo) = error.todo() {
            self.say(format_args!("  {DIM}what to do:{DIM:#} {todo}"));
        }
    }

    /// True where somebody may look at a bar.
    pub(super) fn is_watched(&self) -> bool {
        io::stderr().is_terminal()
    }

    /// A bar on stderr; draws nothing where stderr is no terminal.
    pub(super) fn progress(&self, length: u64, what: &'static str) -> ProgressBar {
        let target =
            if self.is_watched() { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(Some(length), target).with_message(what);
        let template = "{msg} {wide_bar} {human_pos}/{human_len} {eta}";
        bar.with_style(
            ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()),
        )
    }
}

/// Text from outside as it may be shown at a terminal: without characters that could steer it.
pub(super) fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn text_from_outside_cannot_steer_the_terminal() {
        assert_eq!(plain("a\x1b[2Jb\r\n\u{9b}c é"), "a\u{fffd}[2Jb\u{fffd}\u{fffd}\u{fffd}c é");
    }
}
