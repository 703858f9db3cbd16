use embedded_graphics::pixelcolor::Rgb888;
use embedded_graphics::prelude::Point as Place;
use embedded_graphics::text::Alignment;

use super::BLACK;
use super::canvas::Canvas;

const GRID: Rgb888 = Rgb888::new(228, 228, 228);

/// Lines of text above the axes: the title, and what up to three colours mean.
const HEAD_LINES: i32 = 4;

const LINE: i32 = 15;

/// Half the height of what marks a point outside.
const OUTSIDE: i32 = 4;

/// Pixels left free on the left, above, on the right and below.
const MARGINS: [i32; 4] = [56, 8 + LINE * HEAD_LINES + 2 * OUTSIDE, 20, 48];

/// A chart's axes on a canvas.
#[derive(Clone, Copy, Debug)]
pub(super) struct Chart {
    /// Left, top, right and bottom of what the axes enclose, in pixels.
    frame: [i32; 4],
    x: [f64; 2],
    y: [f64; 2],
}

impl Chart {
    /// Draws the axes into `size` pixels from `corner`.
    pub(super) fn draw(
        canvas: &mut Canvas,
        corner: Place,
        size: [i32; 2],
        title: &str,
        x_label: &str,
        x: [f64; 2],
        y: [f64; 2],
    ) -> Self {
        let [left, above, right, below] = MARGINS;
        let frame =
            [corner.x + left, corner.y + above, corner.x + size[0] - right, corner.y + size[1] - below];
        let chart = Self { frame, x, y };
        let [x0, y0, x1, y1] = frame;
        canvas.text(title, Place::new(x0, corner.y + 8), Alignment::Left, BLACK);
        for (value, label) in ticks(x) {
            let at = chart.place([value, y[0]]).x;
            canvas.line(Place::new(at, y0), Place::new(at, y1), GRID, 1);
            canvas.text(&label, Place::new(at, y1 + 6), Alignment::Center, BLACK);
        }
        for (value, label) in ticks(y) {
            let at = chart.place([x[0], value]).y;
            canvas.line(Place::new(x0, at), Place::new(x1, at), GRID, 1);
            canvas.text(&label, Place::new(x0 - 6, at - 7), Alignment::Right, BLACK);
        }
        canvas.text(x_label, Place::new(i32::midpoint(x0, x1), y1 + 24), Alignment::Center, BLACK);
        canvas.line(Place::new(x0, y0), Place::new(x0, y1), BLACK, 1);
        canvas.line(Place::new(x0, y1), Place::new(x1, y1), BLACK, 1);
        chart
    }

    /// A dot; of what lies above or below, a triangle on the edge that points there.
    pub(super) fn point(&self, canvas: &mut Canvas, at: [f64; 2], colour: Rgb888) {
        let [low, high] = self.y;
        let place = self.place(at);
        if at[1] > high {
            canvas.triangle(place, Place::new(0, -OUTSIDE), colour);
        } else if at[1] < low {
            canvas.triangle(place, Place::new(0, OUTSIDE), colour);
        } else {
            canvas.dot(place, colour);
        }
    }

    /// A line from point to point.
    pub(super) fn line(&self, canvas: &mut Canvas, points: &[[f64; 2]], colour: Rgb888) {
        for pair in points.windows(2) {
            canvas.line(self.place(pair[0]), self.place(pair[1]), colour, 2);
        }
        if points.len() > 2 {
            points.iter().for_each(|&at| self.point(canvas, at, colour));
        }
    }

    /// What up to three colours mean, between title and axes, where it hides no point.
    pub(super) fn legend(&self, canvas: &mut Canvas, lines: &[(&str, Rgb888)]) {
        let [x0, y0, ..] = self.frame;
        let first = y0 - 2 * OUTSIDE - LINE * (HEAD_LINES - 1);
        for (i, (text, colour)) in (0..).zip(lines) {
            canvas.text(text, Place::new(x0, first + LINE * i), Alignment::Left, *colour);
        }
    }

    fn place(&self, [x, y]: [f64; 2]) -> Place {
        let [x0, y0, x1, y1] = self.frame;
        let share = |value: f64, [low, high]: [f64; 2]| ((value - low) / (high - low)).clamp(0.0, 1.0);
        let along = |from: i32, to: i32, share: f64| {
            #[allow(clippy::cast_possible_truncation, reason = "within the frame")]
            let at = (f64::from(from) + f64::from(to - from) * share).round() as i32;
            at
        };
        Place::new(along(x0, x1, share(x, self.x)), along(y1, y0, share(y, self.y)))
    }
}

/// Round numbers within a range, about five of them, with their labels.
fn ticks([low, high]: [f64; 2]) -> Vec<(f64, String)> {
    let rough = (high - low) / 5.0;
    let power = 10_f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].map(|factor| factor * power).into_iter().find(|step| *step >= rough);
    let step = step.unwrap_or(rough);
    let decimals = if step < 0.1 { 2 } else { usize::from(step < 1.0) };
    let first = (low / step).ceil();
    let values = (0..=10).map(|i| (first + f64::from(i)) * step).take_while(|value| *value <= high);
    values.map(|value| (value, format!("{value:.decimals$}"))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_legend_hides_no_point_and_what_lies_outside_is_no_dot() {
        let page = |value: f64, is_explained: bool| {
            let mut canvas = Canvas::new(200, 200);
            let chart = Chart::draw(&mut canvas, Place::zero(), [200; 2], "", "", [0.0, 1.0], [0.0, 10.0]);
            chart.point(&mut canvas, [0.9, value], Rgb888::new(200, 40, 40));
            if is_explained {
                chart.legend(&mut canvas, &[("mean of all lesions", BLACK); 3]);
            }
            canvas
        };
        let marked = |value: f64, is_explained: bool| {
            page(value, is_explained).pixels().filter(|pixel| *pixel == [200, 40, 40]).count()
        };
        for value in [10.0, 11.0, -1.0, 5.0] {
            assert_eq!(marked(value, true), marked(value, false), "{value}");
        }
        assert_ne!(marked(11.0, false), marked(10.0, false), "above: a triangle");
        assert_eq!(marked(5.0, false), marked(10.0, false), "control: dots");
        let dark = |is_explained| page(5.0, is_explained).pixels().filter(|pixel| *pixel == [20; 3]).count();
        assert!(dark(true) > dark(false), "control: there is a legend");
    }

    #[test]
    fn ticks_are_round_numbers_within_the_range() {
        let labels = |range| ticks(range).into_iter().map(|(_, label)| label).collect::<Vec<_>>().join(" ");
        assert_eq!(labels([0.0, 1.0]), "0.0 0.2 0.4 0.6 0.8 1.0");
        assert_eq!(labels([-75.0, 75.0]), "-50 0 50");
        assert_eq!(labels([0.0, 33.0]), "0 10 20 30");
    }
}
