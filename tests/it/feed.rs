//! The feed without a broker: pages, filters, and a stream that can be resumed where it was lost.

use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use futures_util::StreamExt;
use serde_json::Value;

use crate::support::deliveries::{ACCOUNT, deliver, sim};
use crate::support::server::{KEY, Server, Settings};
use crate::support::traffic::{Traffic, assert_feed_tells, feed};
use crate::support::{PATIENCE, http};

const AT: &str = "2026-11-23T10:00:00Z";

fn envelope(number: usize) -> String {
    format!("00000000-0000-4000-8000-{number:012}")
}

async fn filled(envelopes: usize) -> (Server, Traffic) {
    let server = Server::start(Settings::new()).await;
    let traffic = Traffic::new(envelopes, 7);
    traffic.send(&server.url("/connect"), &AtomicUsize::new(0)).await;
    (server, traffic)
}

#[tokio::test]
async fn without_a_broker_changes_are_read_in_order_page_by_page() {
    let (server, traffic) = filled(20).await;
    let whole = feed(&server).await;
    assert_feed_tells(&whole, &traffic.steps);
    assert!(whole.iter().all(|row| row["published"] == false), "nothing was published");
    let (mut pages, mut after) = (Vec::new(), "0".to_owned());
    loop {
        let (_, page) = server.get(&format!("/v1/changes?limit=7&after={after}")).await;
        let rows = page["result"].as_array().cloned().unwrap();
        assert!(rows.len() <= 7, "{} rows", rows.len());
        pages.extend(rows);
        let Some(next) = page["next_cursor"].as_str() else { break };
        after = next.to_owned();
    }
    assert_eq!(pages, whole, "small pages say what large ones say");
    assert_eq!(
        server.metric("countersign_backlog").await,
        whole.len() as f64,
        "all of it waits for a broker to come"
    );
}

#[tokio::test]
async fn filters_give_what_they_name_and_nothing_else() {
    let (server, _) = filled(10).await;
    let whole = feed(&server).await;
    let one = whole[0]["change"]["signing_request"]["id"].as_str().unwrap();
    let second_word =
        |row: &Value| row["routing_key"].as_str().unwrap().split('.').nth(1).unwrap().to_owned();
    let cases: [(String, Box<dyn Fn(&Value) -> bool>); 3] = [
        (format!("signing_request={one}"), Box::new(|row| row["change"]["signing_request"]["id"] == one)),
        ("status=completed".to_owned(), Box::new(|row| second_word(row) == "completed")),
        (format!("account={ACCOUNT}"), Box::new(|_| true)),
    ];
    for (filter, fits) in cases {
        let (status, page) = server.get(&format!("/v1/changes?limit=1000&{filter}")).await;
        let wanted: Vec<Value> = whole.iter().filter(|row| fits(row)).cloned().collect();
        assert_eq!((status, &page["result"]), (200, &Value::Array(wanted)), "{filter}");
    }
    let (_, other) = server.get("/v1/changes?account=somebody-else").await;
    assert_eq!(other["result"], Value::Array(Vec::new()));
    for wrong in ["limit=0", "limit=x", "limit=100000", "after=x", "colour=red"] {
        let (status, problem) = server.get(&format!("/v1/changes?{wrong}")).await;
        assert_eq!((status, problem["statusCode"].as_u64()), (400, Some(400)), "{wrong}: {problem}");
    }
}

/// Reads events until `enough` of them have come: ids and data.
async fn events(url: String, last: Option<&str>, enough: usize) -> Vec<(String, Value)> {
    let mut request = http().get(url);
    if let Some(last) = last {
        request = request.header("last-event-id", last);
    }
    let answer = request.send().await.expect("a stream");
    assert_eq!(answer.status().as_u16(), 200);
    assert_eq!(answer.headers()["content-type"], "text/event-stream");
    let (mut bytes, mut text, mut events) = (answer.bytes_stream(), String::new(), Vec::new());
    let read = async {
        while events.len() < enough {
            let chunk = bytes.next().await.expect("more events").expect("bytes");
            text.push_str(&String::from_utf8_lossy(&chunk));
            while let Some((block, rest)) = text.split_once("\n\n") {
                let field =
                    |name: &str| block.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
                if let (Some(id), Some(data)) = (field("id:"), field("data:")) {
                    events.push((id.to_owned(), serde_json::from_str(data).expect("JSON")));
                }
                text = rest.to_owned();
            }
        }
    };
    tokio::time::timeout(PATIENCE, read).await.expect("events in time");
    events
}

#[tokio::test]
async fn a_stream_goes_on_where_it_was_lost_and_then_live() {
    let (server, _) = filled(10).await;
    let whole = feed(&server).await;
    let stream = server.url("/v1/changes/stream");
    let begin = events(format!("{stream}?after=0"), None, 10).await;
    let (last, _) = &begin[9];
    let rest = whole.len() - 10;
    let news = async {
        for number in 0..5 {
            let (status, _) =
                deliver(&server.url("/connect"), KEY, sim("envelope-sent", &envelope(number), AT)).await;
            assert_eq!(status, 200);
        }
    };
    // The header wins over the address, as a browser repeats the address that it began with.
    let (resumed, ()) = tokio::join!(events(format!("{stream}?after=0"), Some(last), rest + 5), news);
    let told: Vec<&Value> =
        begin[..10].iter().chain(&resumed).map(|(_, data)| data).take(whole.len()).collect();
    assert_eq!(told, whole.iter().collect::<Vec<_>>(), "no gap and no repetition");
    let live: Vec<_> =
        resumed[rest..].iter().map(|(_, data)| data["change"]["signing_request"]["id"].clone()).collect();
    assert_eq!(live, (0..5).map(|number| Value::from(envelope(number))).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_stream_from_now_on_tells_news_at_once() {
    let (server, _) = filled(2).await;
    let url = server.url("/connect");
    let (news, ()) = tokio::join!(events(server.url("/v1/changes/stream"), None, 1), async {
        // The stream begins where the feed ends when it is opened, and its gauge tells that it is open.
        let open = async || (server.metric("countersign_streams").await == 1.0).then_some(());
        crate::support::eventually("the stream is open", Duration::from_secs(10), open).await;
        let (status, _) = deliver(&url, KEY, sim("envelope-sent", &envelope(1), AT)).await;
        assert_eq!(status, 200);
    });
    assert_eq!(news[0].1["change"]["signing_request"]["id"], envelope(1));
}

#[tokio::test]
async fn a_delivery_is_kept_with_its_bytes_and_without_its_secrets() {
    let server = Server::start(Settings::new()).await;
    let body = sim("envelope-sent", &envelope(1), AT);
    let (_, answer) = deliver(&server.url("/connect"), KEY, body.clone()).await;
    let id = answer["delivery_id"].as_str().unwrap();
    let (status, kept) = server.get(&format!("/v1/deliveries/{id}")).await;
    assert_eq!((status, kept["id"].as_str()), (200, Some(id)), "{kept}");
    let (_, unknown) = server.get("/v1/deliveries/0193590e-7c1a-7b52-8d2f-6f2f1c0e9b44").await;
    assert_eq!(unknown["error"], "Not Found", "{unknown}");
    let (status, timeline) = server.get(&format!("/v1/signing-requests/{}/timeline", envelope(1))).await;
    assert_eq!(status, 200, "{timeline}");
    assert!(timeline.to_string().contains(id), "the timeline names its delivery: {timeline}");
}
