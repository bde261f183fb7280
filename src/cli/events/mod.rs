//! `countersign events`: the feed of changes of a running server.

mod list;
mod replay;
mod row;
mod tail;

use clap::{Args, Subcommand};
use serde_json::Value;

use crate::base::limits;

use super::Error;
use super::api::Api;
use super::terminal::Terminal;

/// List, show, follow or publish again the changes of a running server
#[derive(Debug, Subcommand)]
pub(super) enum Events {
    List(list::List),
    Show(list::Show),
    Tail(tail::Tail),
    Replay(replay::Replay),
}

impl Events {
    pub(super) fn run(self, terminal: &Terminal) -> Result<(), Error> {
        match self {
            Self::List(list) => super::block_on(list.run(terminal)),
            Self::Show(show) => super::block_on(show.run(terminal)),
            Self::Tail(tail) => super::block_on(tail.run(terminal)),
            Self::Replay(replay) => super::block_on(replay.run(terminal)),
        }
    }
}

/// Which changes
#[derive(Debug, Clone, Default, Args)]
struct Filter {
    /// Only changes to this status (the second word of the routing key).
    #[arg(long)]
    status: Option<String>,
    /// Only this account's.
    #[arg(long, value_name = "ID")]
    account: Option<String>,
    /// Only this signing request's.
    #[arg(long, value_name = "ID")]
    signing_request: Option<String>,
}

impl Filter {
    fn is_empty(&self) -> bool {
        self.status.is_none() && self.account.is_none() && self.signing_request.is_none()
    }

    fn query(&self) -> Vec<(&'static str, String)> {
        let fields = [
            ("status", &self.status),
            ("account", &self.account),
            ("signing_request", &self.signing_request),
        ];
        fields.into_iter().filter_map(|(name, value)| Some((name, value.clone()?))).collect()
    }
}

/// Reads pages of the feed until `most` rows are there, `enough` says so of the next one, or nothing is left.
async fn pages(
    api: &Api,
    filter: &Filter,
    after: u64,
    newest_first: bool,
    most: usize,
    mut enough: impl FnMut(&Value) -> bool,
) -> Result<Vec<Value>, Error> {
    let mut rows: Vec<Value> = Vec::new();
    let mut after = after;
    while rows.len() < most {
        let limit = (most - rows.len()).min(limits::PAGE_ROWS_MAX);
        let mut query = filter.query();
        query.push(("limit", limit.to_string()));
        if after > 0 {
            query.push(("after", after.to_string()));
        }
        if newest_first {
            query.push(("order", "desc".to_owned()));
        }
        let mut page = api.get(&["v1", "changes"], &query).await?;
        let more = !page["next_cursor"].is_null();
        let Some(result) = page["result"].as_array_mut().map(std::mem::take) else { break };
        let last = result.last().map_or(0, row::position);
        // A page that does not move on would be asked for for ever.
        let moves = if newest_first { after == 0 || last < after } else { last > after };
        for row in result {
            if rows.len() == most || enough(&row) {
                return Ok(rows);
            }
            rows.push(row);
        }
        if !more || !moves {
            break;
        }
        after = last;
    }
    Ok(rows)
}
