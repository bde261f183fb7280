//! Faults of everything around the line, with the checker's books at the end: lost is always 0.

mod clock;
mod docusign;
#[cfg(debug_assertions)]
mod kills;
mod nodes;
mod stops;

use std::fs;

use serde_json::json;

use crate::support::deliveries::ACCOUNT;
use crate::support::http;
use crate::support::server::Server;
use crate::support::traffic::Step;

/// Enough for a body to become a file.
const LARGE: usize = 1 << 20;

/// A delivery with a document in it, and what must come of it.
fn large() -> (Vec<u8>, Step) {
    let envelope = "00000000-0000-4000-8000-00000000000a";
    let documents = json!([{ "name": "lease", "PDFBytes": "QUJD".repeat(LARGE / 4 + 1) }]);
    let summary = json!({ "status": "completed", "envelopeDocuments": documents });
    let data = json!({ "accountId": ACCOUNT, "envelopeId": envelope, "envelopeSummary": summary });
    let body =
        json!({ "event": "envelope-completed", "generatedDateTime": "2026-11-23T10:00:00Z", "data": data });
    (body.to_string().into_bytes(), (envelope.to_owned(), String::new(), "completed".to_owned()))
}

/// Fails unless the large delivery is kept byte for byte, and no file is left that no delivery owns.
async fn assert_large_one_whole(server: &Server) {
    let list = "/v1/deliveries?limit=1000&outcome=accepted";
    let mut path = list.to_owned();
    let id = loop {
        let (_, page) = server.get(&path).await;
        let mut rows = page["result"].as_array().expect("a list").iter();
        if let Some(row) = rows.find(|row| row["body_bytes"].as_u64() > Some(LARGE as u64)) {
            break row["id"].as_str().expect("an id").to_owned();
        }
        path = format!("{list}&before={}", page["next_cursor"].as_str().expect("it is stored"));
    };
    let kept =
        http().get(server.url(&format!("/v1/deliveries/{id}?raw=true"))).send().await.expect("an answer");
    assert!(kept.bytes().await.expect("bytes") == large().0, "the bytes are those that were signed");
    for folder in ["bodies", "spool"] {
        for file in fs::read_dir(server.folder().join("data").join(folder)).expect("a folder").flatten() {
            let name = file.file_name().to_string_lossy().into_owned();
            let (status, row) = server.get(&format!("/v1/deliveries/{name}")).await;
            assert_eq!(status, 200, "nobody owns {folder}/{name}: {row}");
        }
    }
}
