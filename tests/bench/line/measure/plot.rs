//! Bars with whiskers from quartile to quartile, as SVG that can be read on light and dark ground.

use std::fmt::Write as _;

use super::report::Chart;
use super::stats::Middle;

const WIDTH: f64 = 860.0;
/// Where bars begin: names stand before it.
const LEFT: f64 = 230.0;
/// Room for the figure behind the longest bar.
const RIGHT: f64 = 190.0;
const ROW: f64 = 24.0;
const TITLE: f64 = 34.0;
/// What the names of those begin with that are not the program.
const OTHERS: [&str; 5] = ["Express", "FastAPI", "floor", "bare", "DocuSign"];
/// What is ours, what is not, and words: middling tones that stand out from both grounds.
const COLOURS: &str = ".ours{fill:#2f7ed8}.other{fill:#8a97a8}text{fill:#59636e}.whisker{stroke:#59636e}\
                       @media(prefers-color-scheme:dark){text{fill:#c9d1d9}.whisker{stroke:#c9d1d9}}";

/// Draws charts, one below the other.
pub(crate) fn svg(charts: &[Chart]) -> String {
    let height: f64 = charts.iter().map(|chart| TITLE + ROW * chart.bars.len() as f64 + 14.0).sum();
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height:.0}\" \
         font-family=\"sans-serif\" font-size=\"13\">\n<style>{COLOURS}</style>\n"
    );
    let mut top = 0.0;
    for chart in charts {
        draw(&mut text, chart, top);
        top += TITLE + ROW * chart.bars.len() as f64 + 14.0;
    }
    text.push_str("</svg>\n");
    text
}

fn draw(text: &mut String, chart: &Chart, top: f64) {
    let longest =
        chart.bars.iter().map(|(_, middle)| middle.high.max(middle.median)).fold(f64::MIN_POSITIVE, f64::max);
    let x = |value: f64| LEFT + (WIDTH - LEFT - RIGHT) * value / longest;
    let _ = writeln!(
        text,
        "<text x=\"8\" y=\"{:.0}\" font-weight=\"bold\">{}</text>",
        top + 20.0,
        escaped(&chart.title)
    );
    for (row, (name, middle)) in chart.bars.iter().enumerate() {
        let middle_line = top + TITLE + ROW * row as f64 + ROW / 2.0;
        let Middle { low, median, high, .. } = *middle;
        let whose = if OTHERS.iter().any(|other| name.starts_with(other)) { "other" } else { "ours" };
        let _ = writeln!(
            text,
            "<text x=\"{:.0}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>\n\
             <rect class=\"{whose}\" x=\"{LEFT}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.0}\" rx=\"2\"/>\n\
             <path class=\"whisker\" d=\"M{:.1} {middle_line:.1}H{:.1}M{:.1} {:.1}v8M{:.1} {:.1}v8\" fill=\"none\"/>\n\
             <text x=\"{:.1}\" y=\"{:.1}\">{}</text>",
            LEFT - 8.0,
            middle_line + 4.5,
            escaped(name),
            middle_line - ROW / 2.0 + 3.0,
            (x(median) - LEFT).max(1.0),
            ROW - 6.0,
            x(low),
            x(high),
            x(low),
            middle_line - 4.0,
            x(high),
            middle_line - 4.0,
            x(high).max(x(median)) + 8.0,
            middle_line + 4.5,
            middle.text(digits(longest)),
        );
    }
}

/// Decimals that show three digits of the longest bar.
fn digits(longest: f64) -> usize {
    if longest >= 100.0 {
        0
    } else if longest >= 1.0 {
        2
    } else {
        3
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}
