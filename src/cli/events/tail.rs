//! `countersign events tail`: follows the feed, and takes it up again where the connection broke.

use std::time::Duration;

use backon::BackoffBuilder as _;
use clap::Args;
use serde_json::Value;

use crate::cli::Error;
use crate::cli::api::{Api, ApiArgs};
use crate::cli::sse::Decoder;
use crate::cli::terminal::Terminal;

use super::{Filter, pages, row};

/// Follow changes as they happen, until interrupted
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  countersign events tail
  countersign events tail --after 0 --json | jq -c .change
  countersign events tail --status completed --count 1      wait for the next completion")]
pub(in crate::cli) struct Tail {
    /// Begin after this position; 0 is the beginning [default: begin with what happens next].
    #[arg(long, value_name = "POSITION")]
    after: Option<u64>,
    /// Stop after so many changes.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
    /// Print each change as one line of JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    filter: Filter,
    #[command(flatten)]
    api: ApiArgs,
}

/// How a stream ended.
enum Ended {
    Enough,
    Broken(String),
}

struct Follower<'a> {
    terminal: &'a Terminal,
    filter: Filter,
    json: bool,
    /// The position up to which all was seen.
    after: u64,
    left: u64,
}

impl Tail {
    pub(super) async fn run(self, terminal: &Terminal) -> Result<(), Error> {
        let api = self.api.connect()?;
        let after = match self.after {
            Some(after) => after,
            None => newest(&api).await?,
        };
        let left = self.count.unwrap_or(u64::MAX);
        let mut follower = Follower { terminal, filter: self.filter, json: self.json, after, left };
        let mut stream = follower.open(&api).await?;
        terminal.say(format_args!("following changes after position {after}"));
        loop {
            let before = follower.after;
            match follower.read(stream).await? {
                Ended::Enough => return Ok(()),
                Ended::Broken(why) => {
                    terminal.say(format_args!("the stream broke ({why}); connecting again"))
                }
            }
            stream = follower.reopen(&api, follower.after > before).await?;
        }
    }
}

async fn newest(api: &Api) -> Result<u64, Error> {
    let rows = pages(api, &Filter::default(), 0, true, 1, |_| false).await?;
    Ok(rows.first().map_or(0, row::position))
}

impl Follower<'_> {
    async fn open(&self, api: &Api) -> Result<reqwest::Response, Error> {
        let mut query = self.filter.query();
        query.push(("after", self.after.to_string()));
        api.stream(&["v1", "changes", "stream"], &query).await
    }

    /// Connects again, at once where the last stream brought something, and then ever more patiently, for as long
    /// as it takes: whoever follows a feed overnight wants it there in the morning.
    async fn reopen(&self, api: &Api, at_once: bool) -> Result<reqwest::Response, Error> {
        let waits = backon::ExponentialBuilder::default()
            .with_min_delay(Duration::from_millis(250))
            .with_max_delay(Duration::from_secs(10))
            .without_max_times()
            .build();
        if at_once {
            match self.open(api).await {
                Err(why) if why.is_passing() => {}
                result => return result,
            }
        }
        for wait in waits {
            tokio::time::sleep(wait).await;
            match self.open(api).await {
                Err(why) if why.is_passing() => self.terminal.say(format_args!("{why}; trying again")),
                result => return result,
            }
        }
        Err(Error::failed("the stream cannot be taken up again", "start it anew"))
    }

    async fn read(&mut self, mut stream: reqwest::Response) -> Result<Ended, Error> {
        let mut decoder = Decoder::default();
        loop {
            let bytes = match stream.chunk().await {
                Ok(Some(bytes)) => bytes,
                Ok(None) => return Ok(Ended::Broken("the server closed it".to_owned())),
                Err(why) => return Ok(Ended::Broken(why.to_string())),
            };
            let Ok(events) = decoder.take(&bytes) else {
                return Ok(Ended::Broken("an event is too large".to_owned()));
            };
            for event in events {
                let Ok(change) = serde_json::from_str::<Value>(&event.data) else { continue };
                self.after = event.id.parse().unwrap_or_else(|_| row::position(&change)).max(self.after);
                self.print(&change)?;
                self.left -= 1;
                if self.left == 0 {
                    return Ok(Ended::Enough);
                }
            }
        }
    }

    fn print(&self, change: &Value) -> Result<(), Error> {
        if self.json { self.terminal.line(change) } else { self.terminal.line(row::line(change)) }
    }
}
