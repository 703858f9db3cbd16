//! The one-page picture of an evaluation.

mod canvas;
mod cases;
mod chart;

use std::path::Path;

use embedded_graphics::pixelcolor::Rgb888;
use embedded_graphics::prelude::Point as Place;

use super::{Bin, Difference, Evaluation, Figure, LIMITS_OF_AGREEMENT, Report, Row, SizeClass};
use crate::data::Pack;
use canvas::Canvas;
use cases::{CASES_HEIGHT, draw_cases};
use chart::Chart;

const BLACK: Rgb888 = Rgb888::new(20, 20, 20);
const PALE: Rgb888 = Rgb888::new(170, 190, 215);
const RED: Rgb888 = Rgb888::new(200, 40, 40);
const BLUE: Rgb888 = Rgb888::new(30, 90, 200);
const GREEN: Rgb888 = Rgb888::new(30, 150, 70);

/// Width and height of a chart; three lie side by side.
const CHART: [i32; 2] = [512, 472];

const TITLE_HEIGHT: i32 = 40;

/// Writes the page as PNG: Bland and Altman's chart of the long axis, its error by size and by confidence, and the
/// best, the median and the worst cases on their slices.
///
/// # Errors
/// If the file cannot be written.
///
/// # Panics
/// If `packs` or `report` are not those of the evaluation.
pub fn picture(path: &Path, evaluation: &Evaluation, report: &Report, packs: &[Pack]) -> Result<(), String> {
    let mut canvas = Canvas::new(3 * CHART[0], TITLE_HEIGHT + CHART[1] + CASES_HEIGHT);
    let measured: Vec<&Row> = report.rows.iter().filter(|row| row.found.is_ok()).collect();
    let (model, split) = (&evaluation.model, &evaluation.split);
    let title = format!("{model}, split {split}: {} lesions, {}", report.rows.len(), report.unmeasured());
    canvas.large(&title, Place::new(16, 12), BLACK);
    if !measured.is_empty() {
        bland_altman(&mut canvas, evaluation, &measured);
        by_size(&mut canvas, evaluation, &measured);
        by_confidence(&mut canvas, evaluation, &measured);
        draw_cases(&mut canvas, TITLE_HEIGHT + CHART[1], measured, packs)?;
    }
    canvas.write(path).map_err(|error| format!("{}: {error}", path.display()))
}

/// The chart number `column`.
fn chart(canvas: &mut Canvas, column: i32, title: &str, x: (&str, f64), y: [f64; 2]) -> Chart {
    let corner = Place::new(column * CHART[0], TITLE_HEIGHT);
    Chart::draw(canvas, corner, CHART, title, x.0, [0.0, x.1], y)
}

fn longest_mm(rows: &[&Row]) -> f64 {
    rows.iter().map(|row| row.long_mm()).fold(1.0, f64::max) * 1.05
}

fn bland_altman(canvas: &mut Canvas, evaluation: &Evaluation, rows: &[&Row]) {
    let pairs = || rows.iter().flat_map(|row| &row.model);
    let end = longest_mm(rows).max(pairs().map(mean_mm).fold(0.0, f64::max) * 1.02);
    let chart = chart(
        canvas,
        0,
        "long axis: model less reader, % of the reader's",
        ("mean of both, mm", end),
        [-75.0, 75.0],
    );
    for difference in pairs() {
        chart.point(canvas, [mean_mm(difference), difference.long_percent()], PALE);
    }
    for limit in LIMITS_OF_AGREEMENT {
        chart.line(canvas, &[[0.0, limit], [end, limit]], GREEN);
    }
    let mut legend = vec![("limits of agreement of readers", GREEN)];
    if let Some(group) = evaluation.groups.first() {
        let agreement = &group.agreement;
        let [low, high] = agreement.long_limits_percent;
        for (at, colour) in [(agreement.long_bias_percent.value, RED), (low, BLUE), (high, BLUE)] {
            chart.line(canvas, &[[0.0, at], [end, at]], colour);
        }
        legend.extend([("model: mean", RED), ("model: mean ± 1.96 deviations", BLUE)]);
    }
    chart.legend(canvas, &legend);
}

fn mean_mm(difference: &Difference) -> f64 {
    f64::midpoint(difference.long_mm[0], difference.long_mm[1])
}

fn by_size(canvas: &mut Canvas, evaluation: &Evaluation, rows: &[&Row]) {
    let means = |class: &SizeClass| class.readers_mm.map_or(0.0, |mm| mm.long).max(class.model_mm.long);
    let highest = 1.5 * evaluation.sizes.iter().map(means).fold(1.0, f64::max);
    let end = longest_mm(rows);
    let chart = chart(
        canvas,
        1,
        "error by size: mean difference, mm",
        ("readers' mean long axis, mm", end),
        [0.0, highest],
    );
    for row in rows {
        if let Some(error) = row.long_error_mm() {
            chart.point(canvas, [row.long_mm(), error], PALE);
        }
    }
    let middle = |from: f64, to: Option<f64>| f64::midpoint(from, to.unwrap_or(end).min(end));
    let curve = |of: fn(&SizeClass) -> Option<f64>| -> Vec<[f64; 2]> {
        let classes = evaluation.sizes.iter();
        let measured = |class| of(class).filter(|millimetres| millimetres.is_finite());
        classes.filter_map(|class| Some([middle(class.from_mm, class.to_mm), measured(class)?])).collect()
    };
    for (of, colour) in CURVES {
        chart.line(canvas, &curve(of), colour);
    }
    chart.legend(
        canvas,
        &[("model, long axis", RED), ("model, short axis", BLUE), ("readers, long axis", GREEN)],
    );
}

/// A number of a class of sizes, and its colour.
type Curve = (fn(&SizeClass) -> Option<f64>, Rgb888);

const CURVES: [Curve; 3] = [
    (|class| class.readers_mm.map(|mm| mm.long), GREEN),
    (|class| Some(class.model_mm.short), BLUE),
    (|class| Some(class.model_mm.long), RED),
];

/// An error's mean in a bin of lesions of like confidence.
type BinMean = fn(&Bin) -> f64;

fn by_confidence(canvas: &mut Canvas, evaluation: &Evaluation, rows: &[&Row]) {
    let reliability = &evaluation.reliability;
    let curves: [(BinMean, _, _, _); 2] = [
        (|bin| bin.long_percent, "long axis", reliability.spearman_percent, RED),
        (|bin| bin.ends_percent, "ends of both axes", reliability.spearman_ends_percent, BLUE),
    ];
    let means = curves.iter().flat_map(|(of, ..)| reliability.bins.iter().map(of));
    let highest = 1.5 * means.fold(10.0, f64::max);
    let chart = chart(
        canvas,
        2,
        "reliability: error, % of the reader's long axis",
        ("confidence", 1.0),
        [0.0, highest],
    );
    for row in rows {
        let sum: f64 = row.model.iter().map(Difference::ends_percent).sum();
        let confidence = row.found.map_or(0.0, |found| f64::from(found.confidence));
        chart.point(canvas, [confidence, sum / row.model.len() as f64], PALE);
    }
    let middle = |[low, high]: [f32; 2]| f64::from(f32::midpoint(low, high));
    let legend = curves.map(|(of, name, correlation, colour)| {
        let bins = reliability.bins.iter();
        let curve: Vec<_> = bins.map(|bin| [middle(bin.confidence), of(bin)]).collect();
        chart.line(canvas, &curve, colour);
        (format!("{name}: mean of a fifth, rank correlation {:.2}", Figure(correlation)), colour)
    });
    chart.legend(canvas, &legend.each_ref().map(|(text, colour)| (text.as_str(), *colour)));
}
