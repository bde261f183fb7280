//! The books over HTTP: every equation with both its sides.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;
use utoipa::ToSchema;

use crate::base::books::{Equation, equations, imbalances, row_equations};

use super::caller::Caller;
use super::params::Params;
use super::{Api, Problem, ProblemBody};

/// The books as they stand.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Books {
    /// True where every equation balances.
    balanced: bool,
    /// The equations.
    equations: Vec<EquationView>,
    /// With `deep`: where some numbers are missing in sequences.
    places: Vec<String>,
}

/// Two sides that must be equal, counted apart.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Equation)]
struct EquationView {
    /// Its name: the label `equation` of `countersign_books_imbalance`.
    #[schema(example = "outbox")]
    name: &'static str,
    /// What the left side counts.
    #[schema(example = "changes appended + put back")]
    left_is: &'static str,
    /// The left side.
    left: u64,
    /// What the right side counts.
    #[schema(example = "settled + in the outbox")]
    right_is: &'static str,
    /// The right side.
    right: u64,
    /// Left less right.
    difference: i64,
    /// What it means where it does not balance; else null.
    #[schema(required = true)]
    meaning: Option<&'static str>,
}

impl From<&Equation> for EquationView {
    fn from(equation: &Equation) -> Self {
        let Equation { name, left_is, left, right_is, right, meaning } = *equation;
        let meaning = (!equation.balances()).then_some(meaning);
        Self { name, left_is, left, right_is, right, difference: equation.difference(), meaning }
    }
}

/// Audits the books
///
/// Whether what was received, stored and published adds up since the store was made. With `deep`, every row is
/// counted by hand, and gaps in sequences are looked for: minutes on a large store, one such count at a time.
#[utoipa::path(
    get, path = "/v1/books", tag = "health", operation_id = "getBooks",
    params(("deep" = Option<bool>, Query, description = "Count every row too")),
    responses(
        (status = 200, description = "The equations", body = Books),
        (status = "4XX", description = "Not let in, or a parameter that cannot be", body = ProblemBody),
        (status = "5XX", description = "Try again later", body = ProblemBody),
    ),
)]
pub(super) async fn show(
    caller: Caller,
    request: HttpRequest,
    api: Data<Api>,
) -> Result<HttpResponse, Problem> {
    caller.require_all()?;
    let deep = Params::read(&request, &["deep"])?.flag("deep")?;
    let (all, places) = if deep {
        let _turn = api.audits.try_acquire().map_err(|_| Problem::AuditUnderWay)?;
        let (counts, rows) = api.store.books_by_hand().await?;
        let mut all = equations(&counts);
        all.extend(row_equations(&counts, &rows));
        (all, rows.places)
    } else {
        (equations(&api.books().await?), Vec::new())
    };
    api.metrics.keep_books(&all);
    let balanced = imbalances(&all).next().is_none();
    Ok(HttpResponse::Ok().json(Books {
        balanced,
        equations: all.iter().map(EquationView::from).collect(),
        places,
    }))
}
