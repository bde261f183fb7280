//! A picture of a soak: rate, backlog and memory over time, with the faults behind them.

use std::fmt::Write as _;

use super::faults::Struck;
use super::watch::Sample;

const WIDTH: f64 = 960.0;
const PANEL: f64 = 130.0;
const LEFT: f64 = 70.0;
const GAP: f64 = 34.0;

/// A second, and a value where one is known.
type Point = (f64, Option<f64>);

/// Draws samples and faults.
pub(super) fn svg(samples: &[Sample], struck: &[Struck]) -> String {
    let end = samples.last().map_or(1.0, |sample| sample.at.max(1.0));
    let x = |at: f64| LEFT + (WIDTH - LEFT - 10.0) * (at / end).min(1.0);
    let rates = samples.windows(2).map(|pair| {
        let seconds = (pair[1].at - pair[0].at).max(0.001);
        (pair[1].at, Some((pair[1].answered - pair[0].answered) as f64 / seconds))
    });
    let panels: [(&str, Vec<Point>); 3] = [
        ("answered 200, a second", rates.collect()),
        ("backlog, changes", samples.iter().map(|sample| (sample.at, sample.backlog)).collect()),
        ("memory, MiB", samples.iter().map(|sample| (sample.at, sample.memory_mib)).collect()),
    ];
    let height = (PANEL + GAP) * panels.len() as f64 + 30.0;
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"{WIDTH}\" height=\"{height}\" fill=\"#fff\"/>\n"
    );
    for fault in struck {
        let (from, to) = (x(fault.from), x(fault.to).max(x(fault.from) + 1.0));
        let colour = if fault.what.starts_with("DocuSign") { "#eef3fb" } else { "#fbe3dc" };
        let _ = writeln!(
            text,
            "<rect x=\"{from:.1}\" y=\"20\" width=\"{:.1}\" height=\"{:.1}\" fill=\"{colour}\"><title>{} at {:.0} s</title></rect>",
            to - from,
            height - 50.0,
            fault.what,
            fault.from
        );
    }
    for (number, (title, points)) in panels.iter().enumerate() {
        panel(&mut text, number as f64 * (PANEL + GAP) + 24.0, title, points, &x);
    }
    let _ = writeln!(text, "<text x=\"{LEFT}\" y=\"{:.0}\" fill=\"#555\">0 s</text>", height - 8.0);
    let _ = writeln!(
        text,
        "<text x=\"{:.0}\" y=\"{:.0}\" fill=\"#555\" text-anchor=\"end\">{end:.0} s</text>",
        WIDTH - 10.0,
        height - 8.0
    );
    text.push_str("</svg>\n");
    text
}

fn panel(text: &mut String, top: f64, title: &str, points: &[Point], x: &impl Fn(f64) -> f64) {
    let most = points.iter().filter_map(|(_, value)| *value).fold(1.0, f64::max);
    let y = |value: f64| top + 14.0 + (PANEL - 14.0) * (1.0 - value / most);
    let bottom = top + PANEL;
    let _ = writeln!(text, "<text x=\"{LEFT}\" y=\"{:.0}\" fill=\"#222\">{title}</text>", top + 6.0);
    let _ = writeln!(
        text,
        "<text x=\"{:.0}\" y=\"{:.0}\" fill=\"#555\" text-anchor=\"end\">{most:.0}</text>",
        LEFT - 6.0,
        top + 20.0
    );
    let _ = writeln!(
        text,
        "<text x=\"{:.0}\" y=\"{bottom:.0}\" fill=\"#555\" text-anchor=\"end\">0</text>",
        LEFT - 6.0
    );
    let _ = writeln!(text, "<path d=\"M{LEFT} {bottom:.0}H{:.0}\" stroke=\"#ccc\"/>", WIDTH - 10.0);
    let (mut line, mut on) = (String::new(), false);
    for (at, value) in points {
        if let Some(value) = value {
            let _ = write!(line, "{}{:.1} {:.1}", if on { 'L' } else { 'M' }, x(*at), y(*value));
        }
        // Where nothing is known there is a gap.
        on = value.is_some();
    }
    let _ = writeln!(text, "<path d=\"{line}\" fill=\"none\" stroke=\"#2457a6\" stroke-width=\"1.2\"/>");
}
