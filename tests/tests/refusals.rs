//! What the networks see is compared with itself and with the slice before it is called a measurement.

use std::convert::Infallible;

use recist::cascade::{
    Cascade, Findings, LEAST_OVERLAP, LOW_OVERLAP, MASK_SIZE, Mask, MeasureError, Measurement, Networks,
    Stage, ThetaOutputs, Warning, Workspace, measure,
};
use recist::geometry::{Keypoints, LesionBox, Point};
use recist::image::{CtSlice, Patch, Samples, crop_square};
use recist_tests::oracle::Oracle;

/// A perfect model but for its mask.
struct Masked {
    oracle: Oracle,
    change: fn(&mut Mask),
}

impl Networks for Masked {
    type Error = Infallible;

    fn heatmap_size(&self) -> usize {
        self.oracle.heatmap_size()
    }

    fn low_confidence(&self) -> f32 {
        Networks::low_confidence(&self.oracle)
    }

    fn localize(&mut self, patch: &Patch, mask: &mut Mask) -> Result<ThetaOutputs, Infallible> {
        let outputs = self.oracle.localize(patch, mask)?;
        (self.change)(mask);
        Ok(outputs)
    }

    fn find_keypoints(&mut self, canonical: &Patch, heatmaps: &mut [f32]) -> Result<(), Infallible> {
        self.oracle.find_keypoints(canonical, heatmaps)
    }
}

/// Measures a lesion of 20 x 12 pixels, `x` pixels from the left, on a slice of 64 x 64.
fn measured(x: f64, change: fn(&mut Mask)) -> Result<Measurement, MeasureError<Infallible>> {
    measured_by(x, |oracle| Masked { oracle, change })
}

/// As [`measured`], by what is made of the lesion's oracle.
fn measured_by<C: Cascade>(
    x: f64,
    cascade: impl FnOnce(Oracle) -> C,
) -> Result<Measurement, MeasureError<C::Error>> {
    let samples: Vec<i16> = (0..64 * 64).map(|i| i % 89).collect();
    let slice = CtSlice::new(Samples::I16(&samples), [64, 64], 64, None).unwrap();
    let ends =
        [(x, 30.0), (x + 20.0, 30.0), (x + 10.0, 24.0), (x + 10.0, 36.0)].map(|(x, y)| Point::new(x, y));
    let area = LesionBox::new(x - 10.0, 10.0, x + 30.0, 50.0).unwrap();
    let oracle = Oracle::new(Keypoints::from_array(ends), crop_square(&slice, area).unwrap(), 32);
    let mut workspace = Box::new(Workspace::new());
    measure(&slice, area, &mut cascade(oracle), &mut workspace, |_| ())
}

/// Leaves so many of the mask's columns from the left, lesion or not.
fn keep(mask: &mut Mask, columns: usize) {
    for row in mask.chunks_exact_mut(MASK_SIZE) {
        row[columns..].fill(0.0);
    }
}

#[test]
fn an_axis_that_ends_outside_the_slice_is_refused() {
    assert!(measured(0.5, |_| ()).is_ok(), "the control: the lesion touches the edge");
    match measured(-3.0, |_| ()) {
        Err(error @ MeasureError::OutsideSlice { end, slice: [64, 64] }) => {
            assert!((end.x + 3.0).abs() < 0.1, "{end:?}");
            assert!(error.to_string().ends_with("outside the slice of 64 x 64 px"), "{error}");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_mask_that_shows_something_else_than_the_axes_is_refused_and_one_that_nearly_does_is_warned_of() {
    let whole = measured(20.0, |_| ()).unwrap();
    assert!(whole.overlap > 0.9 && !whole.warnings.contains(Warning::LowOverlap), "{}", whole.overlap);

    let part = measured(20.0, |mask| keep(mask, 15)).unwrap();
    assert!((LEAST_OVERLAP..LOW_OVERLAP).contains(&part.overlap), "{}", part.overlap);
    assert!(part.warnings.contains(Warning::LowOverlap));

    for change in [|mask: &mut Mask| keep(mask, 0), |mask: &mut Mask| keep(mask, 12)] {
        match measured(20.0, change) {
            Err(MeasureError::Disagreement { overlap }) => assert!(overlap < LEAST_OVERLAP),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_model_without_a_mask_is_believed() {
    let measurement = measured(20.0, |mask| mask.fill(f32::NAN)).unwrap();
    assert!(measurement.overlap.is_nan() && !measurement.warnings.contains(Warning::LowOverlap));
}

/// A cascade that finds the lesion of an oracle, and says of one end's confidence what it is told to.
struct Confident {
    oracle: Oracle,
    confidence: f32,
}

impl Cascade for Confident {
    type Error = Infallible;

    fn find(
        &mut self,
        workspace: &mut Workspace,
        finished: &mut dyn FnMut(Stage),
    ) -> Result<Findings, MeasureError<Infallible>> {
        let mut findings = self.oracle.find(workspace, finished)?;
        findings.keypoints[2].confidence = self.confidence;
        Ok(findings)
    }

    fn low_confidence(&self) -> f32 {
        Networks::low_confidence(&self.oracle)
    }
}

#[test]
fn a_confidence_that_is_no_number_is_refused_as_one_that_is_too_low() {
    for (confidence, is_refused) in [(0.9, false), (0.04, true), (f32::NAN, true)] {
        let measured = measured_by(20.0, |oracle| Confident { oracle, confidence });
        let refused = matches!(measured, Err(MeasureError::NoKeypoint { keypoint: 2, .. }));
        assert_eq!(refused, is_refused, "{confidence}: {measured:?}");
    }
}
