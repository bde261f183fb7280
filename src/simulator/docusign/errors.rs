//! Errors as DocuSign tells them: `{"errorCode":…,"message":…}`, always to be judged by the code.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use serde_json::{Value, json};

/// An error of the REST API.
#[derive(Debug)]
pub(super) struct ApiError {
    status: StatusCode,
    code: &'static str,
    message: String,
}

/// What a call answers: its result, or an error in DocuSign's shape.
pub(super) type Answer = Result<HttpResponse, ApiError>;

impl ApiError {
    pub(super) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into() }
    }

    pub(super) fn no_such_envelope() -> Self {
        let message = "The envelope specified either does not exist or you have no rights to it.";
        Self::new(StatusCode::NOT_FOUND, "ENVELOPE_DOES_NOT_EXIST", message)
    }

    pub(super) fn no_such_document() -> Self {
        Self::new(StatusCode::NOT_FOUND, "DOCUMENT_DOES_NOT_EXIST", "The document specified was not found.")
    }

    pub(super) fn no_such_recipient() -> Self {
        let message = "The recipient you have identified is not a valid recipient of the specified envelope.";
        Self::new(StatusCode::BAD_REQUEST, "INVALID_RECIPIENT_ID", message)
    }

    /// Of a view: who is asked for must be in the envelope under exactly that name, address and client's id.
    pub(super) fn no_such_embedded_recipient() -> Self {
        let message = "The recipient you have identified is not a valid recipient of the specified envelope.";
        Self::bad("UNKNOWN_ENVELOPE_RECIPIENT", message)
    }

    pub(super) fn no_such_template() -> Self {
        let message = "The template ID provided does not exist or is invalid.";
        Self::new(StatusCode::BAD_REQUEST, "TEMPLATE_ID_INVALID", message)
    }

    /// Most refusals.
    pub(super) fn bad(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, message)
    }

    pub(super) fn no_such_user() -> Self {
        Self::bad("INVALID_USERID", "Invalid UserId.")
    }

    pub(super) fn no_such_profile() -> Self {
        Self::bad("INVALID_PERMISSION_PROFILE", "The permission profile specified does not exist.")
    }

    pub(super) fn no_such_signing_group() -> Self {
        Self::bad("INVALID_SIGNING_GROUP_ID", "The signing group ID is not valid.")
    }

    pub(super) fn invalid_status(what: &str) -> Self {
        Self::bad("ENVELOPE_INVALID_STATUS", format!("Invalid envelope status. {what}"))
    }

    /// Recorded with a 401, though the token is alive.
    pub(super) fn lacks_permissions() -> Self {
        let message = "This user lacks sufficient permissions to access this resource.";
        Self::new(StatusCode::UNAUTHORIZED, "USER_LACKS_PERMISSIONS", message)
    }

    pub(super) fn no_such_account() -> Self {
        let message = "The specified User is not a member of the specified Account.";
        Self::new(StatusCode::BAD_REQUEST, "USER_DOES_NOT_BELONG_TO_SPECIFIED_ACCOUNT", message)
    }

    pub(super) fn invalid(what: impl std::fmt::Display) -> Self {
        let message = format!("The request contained at least one invalid parameter. {what}");
        Self::new(StatusCode::BAD_REQUEST, "INVALID_REQUEST_PARAMETER", message)
    }

    pub(super) fn invalid_body(what: impl std::fmt::Display) -> Self {
        let message = format!("The request body is missing or improperly formatted. {what}");
        Self::new(StatusCode::BAD_REQUEST, "INVALID_REQUEST_BODY", message)
    }

    pub(super) fn dead_token() -> Self {
        let message = "The access token provided is expired, revoked or malformed.";
        Self::new(StatusCode::UNAUTHORIZED, "AUTHORIZATION_INVALID_TOKEN", message)
    }

    pub(super) fn no_token() -> Self {
        let message = "One or both of Username and Password are invalid. Invalid access token";
        Self::new(StatusCode::UNAUTHORIZED, "USER_AUTHENTICATION_FAILED", message)
    }

    pub(super) fn no_such_call() -> Self {
        Self::new(StatusCode::NOT_FOUND, "INVALID_REQUEST", "The simulator does not know this call.")
    }

    /// As it stands in the place of one item of a list that is answered 200.
    pub(super) fn details(&self) -> Value {
        json!({"errorCode": self.code, "message": self.message})
    }

    pub(super) fn answer(&self) -> HttpResponse {
        HttpResponse::build(self.status).json(self.details())
    }
}

impl std::fmt::Display for ApiError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

impl actix_web::ResponseError for ApiError {
    fn status_code(&self) -> StatusCode {
        self.status
    }

    fn error_response(&self) -> HttpResponse {
        self.answer()
    }
}
