//! Pages inside the binary: nothing from elsewhere, nothing stale, nothing inline.

use actix_web::test::TestRequest;

use super::support::Bench;

const PAGES: [(&str, &str); 8] = [
    ("/", "text/html"),
    ("/docs", "text/html"),
    ("/assets/app.js", "text/javascript"),
    ("/assets/docs.js", "text/javascript"),
    ("/assets/style.css", "text/css"),
    ("/assets/icon.svg", "image/svg+xml"),
    ("/openapi.json", "application/json"),
    ("/asyncapi.yaml", "application/yaml"),
];

#[actix_web::test]
async fn pages_come_from_here_alone() {
    let bench = Bench::new();
    for (path, kind) in PAGES {
        let answer = bench.get(path).await;
        assert_eq!(answer.status, 200, "{path}");
        assert!(answer.header("content-type").is_some_and(|k| k.starts_with(kind)), "{path}");
        let policy = answer.header("content-security-policy").unwrap_or_default();
        assert!(policy.contains("default-src 'self'") && !policy.contains("unsafe"), "{path}: {policy}");
        assert_eq!(answer.header("x-frame-options"), Some("DENY"), "{path}");
    }
    for path in ["/", "/docs"] {
        let text = String::from_utf8(bench.get(path).await.bytes.to_vec()).unwrap();
        for (attribute, at) in
            text.match_indices("src=\"").chain(text.match_indices("href=\"")).map(|(i, a)| (a, i))
        {
            let target = &text[at + attribute.len()..];
            assert!(
                target.starts_with('/') || target.starts_with('#'),
                "{path} loads {}",
                &target[..40.min(target.len())]
            );
        }
        for inline in ["<style", " style=", " onclick=", "javascript:"] {
            assert!(!text.contains(inline), "{path} has {inline}, which the policy forbids");
        }
        assert!(!text.contains("<script>"), "{path} has a script of its own");
    }
}

#[actix_web::test]
async fn what_the_pages_load_is_there() {
    let bench = Bench::new();
    for path in ["/", "/docs"] {
        let text = String::from_utf8(bench.get(path).await.bytes.to_vec()).unwrap();
        let targets = text.split(['"']).filter(|part| part.starts_with('/'));
        let mut count = 0;
        for target in targets {
            assert_eq!(bench.get(target).await.status, 200, "{path} points to {target}");
            count += 1;
        }
        assert!(count >= 5, "{path} points to {count} only");
    }
}

#[actix_web::test]
async fn the_scripts_write_text_and_never_markup() {
    let bench = Bench::new();
    for path in ["/assets/app.js", "/assets/docs.js"] {
        let text = String::from_utf8(bench.get(path).await.bytes.to_vec()).unwrap();
        for way in ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("] {
            assert!(!text.contains(way), "{path} uses {way}");
        }
    }
}

#[actix_web::test]
async fn a_browser_that_has_a_page_is_told_so() {
    let bench = Bench::new();
    for (path, _) in PAGES {
        let first = bench.get(path).await;
        let tag = first.header("etag").unwrap_or_default().to_owned();
        assert!(first.header("cache-control").is_some_and(|c| c == "no-cache"), "{path}");
        for known in [tag.clone(), format!("\"other\", W/{tag}")] {
            let again = bench.ask(TestRequest::get().uri(path).insert_header(("if-none-match", known))).await;
            assert_eq!((again.status, again.bytes.len()), (304, 0), "{path}");
        }
        let stale =
            bench.ask(TestRequest::get().uri(path).insert_header(("if-none-match", "\"other\""))).await;
        assert_eq!(stale.status, 200, "{path}");
    }
}
