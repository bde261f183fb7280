//! `POST /connect[/{source}]`: where DocuSign delivers.

use actix_web::web::{Data, Path, Payload, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse, post, web};
use serde::Serialize;
use utoipa::ToSchema;

use crate::base::{DeliveryId, Outcome, SourceName};
use crate::receive::{Receiver, Request};
use crate::telemetry::Metric;

use super::Problem;
use super::problem::ProblemBody;

/// Characters of a source's name that are looked at: a configured one has 64 at most.
const SOURCE_CHARS_MAX: usize = 80;

/// What became of a delivery.
#[derive(Debug, Serialize, ToSchema)]
pub struct Answer {
    /// What became of it.
    #[schema(value_type = String, example = "accepted")]
    outcome: &'static str,
    /// Ours, for questions about it.
    #[schema(value_type = uuid::Uuid)]
    delivery_id: DeliveryId,
}

/// Registers the receiver's paths.
pub fn configure(app: &mut ServiceConfig, receiver: Data<Receiver>) {
    app.app_data(receiver).service(receive_default).service(receive_named);
}

/// Takes in a delivery of the source `default`.
#[utoipa::path(
    tag = "connect",
    request_body(content = String, description = "A Connect message, JSON or XML, as signed", content_type = "application/json"),
    responses(
        (status = 200, description = "Stored, or known already; or kept in quarantine", body = Answer),
        (status = 400, description = "It did not arrive whole", body = ProblemBody),
        (status = 401, description = "Signature or password missing or wrong", body = ProblemBody),
        (status = 413, description = "Too large", body = ProblemBody),
        (status = 415, description = "SOAP", body = ProblemBody),
        (status = 503, description = "It cannot be stored now, or too many are under way: send it again", body = ProblemBody),
    )
)]
#[post("/connect")]
pub(super) async fn receive_default(
    request: HttpRequest,
    receiver: Data<Receiver>,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    receive(&request, &receiver, SourceName::default(), payload).await
}

/// Takes in a delivery of a named source.
#[utoipa::path(
    tag = "connect",
    params(("source" = String, Path, description = "The source's name")),
    request_body(content = String, description = "A Connect message, JSON or XML, as signed", content_type = "application/json"),
    responses(
        (status = 200, description = "Stored, or known already; or kept in quarantine", body = Answer),
        (status = 400, description = "It did not arrive whole", body = ProblemBody),
        (status = 401, description = "Signature or password missing or wrong", body = ProblemBody),
        (status = 404, description = "No source of this name", body = ProblemBody),
        (status = 413, description = "Too large", body = ProblemBody),
        (status = 415, description = "SOAP", body = ProblemBody),
        (status = 503, description = "It cannot be stored now, or too many are under way: send it again", body = ProblemBody),
    )
)]
#[post("/connect/{source}")]
pub(super) async fn receive_named(
    request: HttpRequest,
    receiver: Data<Receiver>,
    source: Path<String>,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    // Longer than any name that can be configured: such a one is none of ours, and is not logged whole.
    let name: String = source.chars().take(SOURCE_CHARS_MAX).collect();
    receive(&request, &receiver, SourceName::new(&name), payload).await
}

async fn receive(
    request: &HttpRequest,
    receiver: &Data<Receiver>,
    source: SourceName,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let began = std::time::Instant::now();
    // A header that is no text can be neither a signature nor anything else that we read.
    let text = |value: &actix_web::http::header::HeaderValue| value.to_str().map(str::to_owned).ok();
    let mut headers = Vec::with_capacity(request.headers().len());
    headers.extend(
        request.headers().iter().filter_map(|(name, value)| Some((name.as_str().to_owned(), text(value)?))),
    );
    let fate = receiver.receive(Request { source, headers }, payload).await;
    receiver.metrics.time(Metric::AnswerTime, began.elapsed().as_secs_f64());
    match fate.outcome {
        Outcome::Refused(refusal) => Err(Problem::Refused(refusal)),
        taken => Ok(HttpResponse::Ok().json(Answer { outcome: taken.word(), delivery_id: fate.delivery_id })),
    }
}
