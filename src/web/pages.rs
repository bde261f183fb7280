//! Pages and references inside the binary: dashboard, API reference, OpenAPI and AsyncAPI.

use std::sync::LazyLock;

use actix_web::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use actix_web::{HttpRequest, HttpResponse};
use sha2::{Digest as _, Sha256};
use utoipa::OpenApi as _;

use super::caller::Visitor;
use super::openapi::Reference;

/// Scripts, styles and data come from here and nowhere else; nobody frames us.
const POLICY: &str = "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// A file inside the binary.
#[derive(Debug)]
struct Asset {
    kind: &'static str,
    text: &'static str,
    /// A digest of its text: a browser that has it need not load it again.
    etag: LazyLock<String>,
}

macro_rules! assets {
    ($($name:ident $kind:literal $file:literal)*) => {
        $(static $name: Asset = Asset {
            kind: $kind,
            text: include_str!($file),
            etag: LazyLock::new(|| etag(include_str!($file))),
        };)*
    };
}

assets! {
    INDEX "text/html; charset=utf-8" "assets/index.html"
    DASHBOARD_SCRIPT "text/javascript; charset=utf-8" "assets/app.js"
    STYLE "text/css; charset=utf-8" "assets/style.css"
    ICON "image/svg+xml" "assets/icon.svg"
    REFERENCE "text/html; charset=utf-8" "assets/docs.html"
    REFERENCE_SCRIPT "text/javascript; charset=utf-8" "assets/docs.js"
    ASYNCAPI "application/yaml" "asyncapi.yaml"
}

static OPENAPI: LazyLock<(String, String)> = LazyLock::new(|| {
    let text = Reference::openapi().to_json().unwrap_or_default();
    let tag = etag(&text);
    (text, tag)
});

fn etag(text: &str) -> String {
    let digest = Sha256::digest(text);
    let hex: String = digest[..12].iter().map(|byte| format!("{byte:02x}")).collect();
    format!("\"{hex}\"")
}

/// Answers with a text, or with 304 where the browser has it. A new version of the program is a new text, so it is
/// asked for each time, which costs some bytes.
fn answer(request: &HttpRequest, kind: &str, text: &'static str, tag: &str) -> HttpResponse {
    let known = request.headers().get(IF_NONE_MATCH).and_then(|tags| tags.to_str().ok());
    let fresh =
        known.is_some_and(|tags| tags.split(',').any(|known| known.trim().trim_start_matches("W/") == tag));
    let mut answer = if fresh { HttpResponse::NotModified() } else { HttpResponse::Ok() };
    answer
        .insert_header((CACHE_CONTROL, "no-cache"))
        .insert_header((ETAG, tag))
        .insert_header((CONTENT_SECURITY_POLICY, POLICY));
    if fresh { answer.finish() } else { answer.insert_header((CONTENT_TYPE, kind)).body(text) }
}

impl Asset {
    fn answer(&'static self, request: &HttpRequest) -> HttpResponse {
        answer(request, self.kind, self.text, &self.etag)
    }
}

pub(super) async fn dashboard(_: Visitor, request: HttpRequest) -> HttpResponse {
    INDEX.answer(&request)
}

pub(super) async fn dashboard_script(request: HttpRequest) -> HttpResponse {
    DASHBOARD_SCRIPT.answer(&request)
}

pub(super) async fn style(request: HttpRequest) -> HttpResponse {
    STYLE.answer(&request)
}

pub(super) async fn icon(request: HttpRequest) -> HttpResponse {
    ICON.answer(&request)
}

pub(super) async fn reference(request: HttpRequest) -> HttpResponse {
    REFERENCE.answer(&request)
}

pub(super) async fn reference_script(request: HttpRequest) -> HttpResponse {
    REFERENCE_SCRIPT.answer(&request)
}

pub(super) async fn asyncapi(request: HttpRequest) -> HttpResponse {
    ASYNCAPI.answer(&request)
}

pub(super) async fn openapi(request: HttpRequest) -> HttpResponse {
    answer(&request, "application/json", &OPENAPI.0, &OPENAPI.1)
}
