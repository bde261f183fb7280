//! A list as lines of JSON (`truto_response_format=stream`), read page by page as its reader takes them.
//!
//! What it holds at a time is one page. A list that cannot be read to its end closes with a line in the shape of an
//! error, and the connection breaks: whoever looks at neither line nor end of body could take a part for the whole.

use actix_web::HttpResponse;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use actix_web::web::{Bytes, Data};
use futures_util::stream;
use tokio::sync::OwnedSemaphorePermit;

use super::form;
use super::query::Query;
use crate::base::{AccountId, limits};
use crate::unify::{Method, Page, Place, Resource};
use crate::web::caller::Caller;
use crate::web::problem::access::Access;
use crate::web::problem::unified::Unified;
use crate::web::{Api, Problem};

/// What lines are.
const LINES: &str = "application/x-ndjson";

/// A list on its way out.
pub(super) struct Lines {
    pub(super) api: Data<Api>,
    pub(super) caller: Caller,
    pub(super) resource: &'static Resource,
    pub(super) method: &'static Method,
    pub(super) account: AccountId,
    pub(super) query: Query,
    /// Held for as long as it goes on.
    pub(super) _turn: OwnedSemaphorePermit,
}

/// What a list does next.
enum Next {
    /// Write this page, and ask whether there is another.
    Write(Page),
    /// Read the page here.
    Read(Place),
    /// Break the connection.
    Break(Problem),
    /// End.
    End,
}

impl Lines {
    /// The answer. Its first page is read before: what is wrong from the start is answered as anywhere.
    pub(super) async fn answer(self, only_head: bool) -> Result<HttpResponse, Problem> {
        let (unifier, asked) = (&self.api.unifier, &self.query.asked);
        let place =
            unifier.place(self.resource, &self.account, asked, &self.query.cursor).map_err(Unified::of)?;
        let page = unifier.list(self.method, &self.account, asked, place).await.map_err(Unified::of)?;
        form::check(&page.items, &self.query)?;
        let mut answer = HttpResponse::Ok();
        answer
            .insert_header((CONTENT_TYPE, LINES))
            .insert_header((CACHE_CONTROL, "no-store"))
            // Proxies of the nginx kind would read ahead of their reader.
            .insert_header(("x-accel-buffering", "no"));
        // A body that nobody sees would be read to its end all the same.
        let next = if only_head { Next::End } else { Next::Write(page) };
        Ok(answer.streaming(stream::unfold((self, next, 1), |(lines, next, pages)| lines.piece(next, pages))))
    }

    /// The lines of the next page that has any, with what comes after them; none at the end.
    async fn piece(
        self,
        mut next: Next,
        mut pages: usize,
    ) -> Option<(Result<Bytes, Problem>, (Self, Next, usize))> {
        loop {
            let page = match next {
                Next::Write(page) => page,
                Next::Read(place) => match self.read(place, pages).await {
                    Ok(page) => page,
                    Err(problem) => {
                        tracing::info!(%problem, "a streamed list ends before its end");
                        // Text and numbers, on which serde_json cannot fail.
                        let mut line = serde_json::to_string(&problem.body()).unwrap_or_default();
                        line.push('\n');
                        return Some((Ok(line.into()), (self, Next::Break(problem), pages)));
                    }
                },
                Next::Break(problem) => {
                    // What is not written by then is lost with the connection: the line should not be.
                    tokio::time::sleep(limits::UNIFY_CUT_AFTER).await;
                    return Some((Err(problem), (self, Next::End, pages)));
                }
                Next::End => return None,
            };
            pages += 1;
            next = page.next.map_or(Next::End, Next::Read);
            let mut lines =
                String::with_capacity(page.items.iter().map(|item| item.unified.len() + 256).sum());
            for item in &page.items {
                let mut line = String::with_capacity(item.unified.len() + 256);
                form::write(item, &self.query, &mut line);
                // DocuSign's own may have ends of lines between its tokens, and JSON has none within them.
                lines.extend(line.chars().map(|c| if matches!(c, '\n' | '\r') { ' ' } else { c }));
                lines.push('\n');
            }
            if !lines.is_empty() {
                return Some((Ok(lines.into()), (self, next, pages)));
            }
        }
    }

    async fn read(&self, place: Place, pages: usize) -> Result<Page, Problem> {
        if pages >= limits::UNIFY_STREAM_PAGES_MAX {
            return Err(Unified::Cut("it has more pages than are read").into());
        }
        if !self.caller.is_still_let_in(&self.api).await {
            return Err(Access::Revoked.into());
        }
        tokio::select! {
            biased;
            () = self.api.stopping.cancelled() => Err(Unified::Cut("the server is being stopped").into()),
            page = self.api.unifier.list(self.method, &self.account, &self.query.asked, place) => {
                page.map_err(Unified::of)
            }
        }
    }
}
