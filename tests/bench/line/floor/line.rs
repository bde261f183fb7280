//! A server that does what cannot be left out: check the signature, write durably, publish confirmed.

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use actix_web::web::{Bytes, Data, PayloadConfig};
use actix_web::{App, HttpRequest, HttpResponse, web};
use countersign::connect::signature::{Keys, signed_by};
use secrecy::SecretString;
use serde_json::json;
use tokio::sync::mpsc;

use super::journal::Journal;
use super::publish::{BURST, Publisher, persistent};
use crate::traffic::KEY;

/// Where to write and publish.
#[derive(Debug, clap::Args)]
pub(super) struct Line {
    /// The broker.
    #[arg(long)]
    broker: String,
    /// The file to append to.
    #[arg(long)]
    file: PathBuf,
}

struct Shared {
    keys: Keys,
    journal: Journal,
    taken: AtomicUsize,
    published: AtomicUsize,
}

/// Serves until it is killed, or nothing can be published any more.
pub(super) async fn run(line: &Line) -> anyhow::Result<()> {
    let publisher = Publisher::connect(&line.broker).await?;
    let (journal, written) = Journal::begin(&line.file)?;
    let keys = Keys::new(&[SecretString::from(KEY)]);
    let shared =
        Data::new(Shared { keys, journal, taken: AtomicUsize::new(0), published: AtomicUsize::new(0) });
    let publishing = tokio::spawn(publish(publisher, written, shared.clone()));
    let server = super::serve(move || {
        App::new()
            .app_data(shared.clone())
            .app_data(PayloadConfig::new(super::BODY_BYTES_MAX))
            .route("/connect", web::post().to(take))
            .route("/v1/totals", web::get().to(totals))
    })?;
    tokio::select! {
        served = server => Ok(served?),
        published = publishing => published?,
    }
}

async fn take(request: HttpRequest, body: Bytes, shared: Data<Shared>) -> HttpResponse {
    let headers: Vec<_> = request
        .headers()
        .iter()
        .filter_map(|(name, value)| Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned())))
        .collect();
    if signed_by(&headers, &shared.keys.digests(&body)).is_err() {
        HttpResponse::Unauthorized().finish()
    } else if shared.journal.append(body).await {
        shared.taken.fetch_add(1, Ordering::Relaxed);
        HttpResponse::Ok().json("taken")
    } else {
        HttpResponse::ServiceUnavailable().finish()
    }
}

/// How many were taken and published, in the program's own words.
async fn totals(shared: Data<Shared>) -> HttpResponse {
    let taken = shared.taken.load(Ordering::Relaxed);
    let published = shared.published.load(Ordering::Relaxed);
    HttpResponse::Ok().json(json!({ "accepted": taken, "changes": taken, "published": published }))
}

async fn publish(
    mut publisher: Publisher,
    mut written: mpsc::Receiver<Bytes>,
    shared: Data<Shared>,
) -> anyhow::Result<()> {
    let mut bodies = Vec::with_capacity(BURST);
    let mut number = 0_u64;
    loop {
        bodies.clear();
        // What is in flight is waited for only when there is nothing else to do.
        let count = if written.is_empty() {
            let confirmed = publisher.confirmed(0).await?;
            shared.published.fetch_add(confirmed, Ordering::Relaxed);
            written.recv_many(&mut bodies, BURST).await
        } else {
            written.recv_many(&mut bodies, BURST).await
        };
        if count == 0 {
            return Ok(());
        }
        number += 1;
        let slices: Vec<&[u8]> = bodies.iter().map(|body| &body[..]).collect();
        let confirmed = publisher.burst(&slices, &persistent(&number.to_string())).await?;
        shared.published.fetch_add(confirmed, Ordering::Relaxed);
    }
}
