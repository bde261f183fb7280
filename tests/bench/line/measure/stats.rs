//! Medians and quartiles.

use serde::{Deserialize, Serialize};

/// What lies in the middle of some figures.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub(crate) struct Middle {
    /// A quarter lies below.
    pub(crate) low: f64,
    /// Half lies below.
    pub(crate) median: f64,
    /// A quarter lies above.
    pub(crate) high: f64,
    /// How many figures there are.
    pub(crate) count: usize,
}

impl Middle {
    /// Of these figures, in any order; those that are no numbers are left out.
    pub(crate) fn of(figures: impl IntoIterator<Item = f64>) -> Self {
        let mut sorted: Vec<f64> = figures.into_iter().filter(|figure| figure.is_finite()).collect();
        sorted.sort_by(f64::total_cmp);
        let at = |share: f64| quantile(&sorted, share);
        Self { low: at(0.25), median: at(0.5), high: at(0.75), count: sorted.len() }
    }

    /// `2.31 [2.02–2.52]`, or the median alone where there is but one figure.
    pub(crate) fn text(&self, digits: usize) -> String {
        let Self { low, median, high, count } = self;
        if *count < 2 {
            return format!("{median:.digits$}");
        }
        format!("{median:.digits$} [{low:.digits$}–{high:.digits$}]")
    }
}

/// The figure below which this share lies, between two neighbours in proportion.
pub(crate) fn quantile(sorted: &[f64], share: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else { return f64::NAN };
    let place = share * last as f64;
    let (below, above) = (place.floor() as usize, place.ceil() as usize);
    sorted[below] + (sorted[above] - sorted[below]) * place.fract()
}
