//! The feed: order, cursors, filters, one change, and publishing again.

use actix_web::test::TestRequest;
use serde_json::{Value, json};

use super::support::{ACCOUNT, Bench};

fn positions(page: &Value) -> Vec<u64> {
    page["result"].as_array().unwrap().iter().map(|row| row["position"].as_u64().unwrap()).collect()
}

/// Seven changes: six of three envelopes, and one of a recipient.
async fn filled() -> Bench {
    let bench = Bench::new();
    for envelope in ["env-a", "env-b", "env-c"] {
        bench.tell("envelope-sent", envelope).await;
    }
    bench.tell("recipient-completed", "env-a").await;
    for envelope in ["env-a", "env-b", "env-c"] {
        bench.tell("envelope-completed", envelope).await;
    }
    bench
}

#[actix_web::test]
async fn pages_follow_one_another_without_gap_or_overlap() {
    let bench = filled().await;
    for order in ["asc", "desc"] {
        let (mut seen, mut cursor) = (Vec::new(), None::<String>);
        for _ in 0..10 {
            let after = cursor.as_ref().map(|c| format!("&after={c}")).unwrap_or_default();
            let page = bench.get(&format!("/v1/changes?limit=2&order={order}{after}")).await.json();
            assert!(positions(&page).len() <= 2);
            seen.extend(positions(&page));
            cursor = page["next_cursor"].as_str().map(str::to_owned);
            if cursor.is_none() {
                break;
            }
        }
        let mut want: Vec<u64> = (1..=7).collect();
        if order == "desc" {
            want.reverse();
        }
        assert_eq!(seen, want, "{order}");
    }
}

#[actix_web::test]
async fn a_page_that_ends_exactly_at_the_end_has_no_cursor() {
    let bench = filled().await;
    let page = bench.get("/v1/changes?limit=7").await.json();
    assert_eq!((positions(&page).len(), &page["next_cursor"]), (7, &Value::Null));
    let rest = bench.get("/v1/changes?after=7").await.json();
    assert_eq!(rest, json!({"result": [], "next_cursor": null}));
}

#[actix_web::test]
async fn many_changes_come_in_one_page_though_few_are_read_at_a_time() {
    let bench = Bench::new();
    for number in 0..50 {
        bench.tell("envelope-sent", &format!("env-{number}")).await;
    }
    for limit in [15, 16, 17, 18, 33, 49, 50, 51] {
        let page = bench.get(&format!("/v1/changes?limit={limit}")).await.json();
        assert_eq!(positions(&page), (1..=limit.min(50)).collect::<Vec<u64>>());
        assert_eq!(page["next_cursor"].is_null(), limit >= 50, "{limit}");
    }
}

#[actix_web::test]
async fn filters_narrow_and_can_be_joined() {
    let bench = filled().await;
    let found = async |query: &str| positions(&bench.get(&format!("/v1/changes?{query}")).await.json());
    assert_eq!(found("status=completed").await, [4, 5, 6, 7]);
    assert_eq!(found("status=Completed&signing_request=ENV-A").await, [4, 5], "in any case");
    assert_eq!(found("signing_request=env-b").await, [2, 6]);
    assert_eq!(found("signing_request=env-b&order=desc").await, [6, 2]);
    assert_eq!(found(&format!("account={ACCOUNT}&after=5")).await, [6, 7]);
    assert_eq!(found("account=somebody-else").await, Vec::<u64>::new());
    assert_eq!(found("status=nonsense").await, Vec::<u64>::new());
    let page = bench.get("/v1/changes?status=completed&limit=2").await.json();
    assert_eq!(page["next_cursor"], "5", "the cursor goes on within the filter");
}

#[actix_web::test]
async fn a_row_carries_the_message_as_it_is_published() {
    let bench = filled().await;
    let row = &bench.get("/v1/changes?limit=1").await.json()["result"][0];
    assert_eq!(row["routing_key"], format!("signing_request.sent.{ACCOUNT}"));
    assert_eq!(row["type"], "countersign.signing_request.status_changed.v1");
    assert_eq!(
        (&row["published"], &row["sequence"], &row["position"]),
        (&json!(false), &json!(1), &json!(1))
    );
    let stored =
        bench.store.feed(countersign::store::FeedQuery { limit: 1, ..Default::default() }).await.unwrap();
    let text = String::from_utf8(bench.get("/v1/changes/1").await.bytes.to_vec()).unwrap();
    assert!(text.contains(&stored[0].entry.body), "byte for byte: {text}");
}

#[actix_web::test]
async fn a_change_is_found_by_position_and_by_message_id() {
    let bench = filled().await;
    let by_position = bench.get("/v1/changes/3").await.json();
    let id = by_position["change"]["id"].as_str().unwrap();
    assert_eq!(bench.get(&format!("/v1/changes/{id}")).await.json(), by_position);
    assert_eq!(bench.get(&format!("/v1/changes/{}", id.to_uppercase())).await.status, 200);
    for absent in ["0", "8", "18446744073709551615", "0199f1f0-7f5c-7a4e-9c1d-2f6a7b8c9d0e"] {
        assert_eq!(bench.get(&format!("/v1/changes/{absent}")).await.status, 404, "{absent}");
    }
    for nonsense in ["abc", "-1", "1.5", "99999999999999999999999", "%00"] {
        assert_eq!(bench.get(&format!("/v1/changes/{nonsense}")).await.status, 400, "{nonsense}");
    }
}

#[actix_web::test]
async fn what_cannot_be_asked_is_answered_400_and_named() {
    let bench = Bench::new();
    for (query, named) in [
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("limit=ten", "limit"),
        ("after=abc", "after"),
        ("after=-1", "after"),
        ("order=newest", "order"),
        ("status=a.b", "status"),
        ("limit=1&limit=2", "limit"),
        ("cursor=1", "cursor"),
    ] {
        let answer = bench.get(&format!("/v1/changes?{query}")).await;
        assert_eq!(answer.status, 400, "{query}");
        assert!(answer.message().contains(&format!("`{named}`")), "{query}: {}", answer.message());
    }
    let unknown = bench.get("/v1/changes?cursor=1").await.json();
    assert_eq!(
        unknown["details"],
        json!(["after", "limit", "order", "status", "account", "signing_request"])
    );
}

#[actix_web::test]
async fn positions_far_beyond_the_end_are_an_empty_page() {
    let bench = filled().await;
    for after in ["1000000", "18446744073709551615"] {
        let page = bench.get(&format!("/v1/changes?after={after}")).await.json();
        assert_eq!(positions(&page), Vec::<u64>::new());
    }
}

#[actix_web::test]
async fn replay_takes_positions_and_counts_what_it_put_back() {
    let bench = filled().await;
    // None is published here, so all wait already.
    let answer = bench.post("/v1/changes/replay", Some(json!({"positions": [1, 2, 2, 99]}))).await;
    assert_eq!((answer.status, answer.json()), (200, json!({"replayed": 0})));
}

#[actix_web::test]
async fn a_replay_that_cannot_be_is_refused_whole() {
    let bench = Bench::new();
    let replay = async |body: Value| bench.post("/v1/changes/replay", Some(body)).await;
    for body in [
        json!({"positions": []}),
        json!({"positions": (0..1001).collect::<Vec<_>>()}),
        json!({"positions": [-1]}),
        json!({"positions": ["1"]}),
        json!({"positions": [1], "more": true}),
        json!({}),
        json!([1]),
    ] {
        let answer = replay(body.clone()).await;
        assert_eq!((answer.status, &answer.json()["statusCode"]), (400, &json!(400)), "{body}");
    }
    let raw = |kind: &str, body: Vec<u8>| {
        TestRequest::post().uri("/v1/changes/replay").insert_header(("content-type", kind)).set_payload(body)
    };
    assert_eq!(bench.ask(raw("text/plain", b"{}".to_vec())).await.status, 415);
    assert_eq!(bench.ask(raw("application/json", b"{\"positions\":[1".to_vec())).await.status, 400);
    assert_eq!(bench.ask(raw("application/json", vec![b' '; 100_000])).await.status, 413);
    let answer = bench.post("/v1/changes/replay?force=true", Some(json!({"positions": [1]}))).await;
    assert_eq!(answer.status, 400, "a parameter that nobody knows");
}

#[actix_web::test]
async fn head_is_answered_like_get() {
    let bench = filled().await;
    let answer =
        bench.ask(TestRequest::default().method(actix_web::http::Method::HEAD).uri("/v1/changes")).await;
    assert_eq!(answer.status, 200);
}
