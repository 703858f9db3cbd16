use core::fmt;

use super::{Cascade, Findings, LESION_LEVEL, MASK_PIXELS, Measurement, Warnings, Workspace, overlap};
use crate::geometry::{AffineMap, AxesError, Keypoints, LesionBox, Point, RecistAxes, ThetaError};
use crate::image::{CropError, CtSlice, NormaliseError, check_window, crop, normalise};

/// An endpoint seen with less confidence than this is no endpoint: nothing is measured.
pub const LOWEST_CONFIDENCE: f32 = 0.05;

/// Where mask and axes overlap less than this ([`Measurement::overlap`]) the two networks see two different things:
/// nothing is measured.
pub const LEAST_OVERLAP: f64 = 0.35;

/// The stages of a measurement, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Crop and normalisation.
    Crop,
    /// The localization network.
    Localization,
    /// The affine grid and the sampler.
    Sampling,
    /// The hourglass network.
    Hourglass,
    /// Heatmap decoding and the way back to the slice.
    Decoding,
}

/// Why nothing was measured. `E` is what the networks' engine can say.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum MeasureError<E> {
    /// The box cannot be cut out of the slice.
    Crop(CropError),
    /// The middle of the box shows nothing, or less than a picture's window has clipped of it.
    Normalise(NormaliseError),
    /// A network could not be run.
    Network(E),
    /// The localization network gave no transformation.
    Theta(ThetaError),
    /// The localization network found a lesion that cannot be in the box.
    Implausible {
        /// tx and ty in half patch widths.
        shift: Point,
        /// s.
        scale: f64,
    },
    /// An endpoint was not found.
    NoKeypoint {
        /// Which: 0 and 1 long axis, 2 and 3 short axis.
        keypoint: usize,
        /// Its confidence.
        confidence: f32,
    },
    /// The endpoints do not make two axes.
    Axes(AxesError),
    /// An axis ends outside the slice, where there is nothing to be seen.
    OutsideSlice {
        /// The end, in slice pixels.
        end: Point,
        /// Columns and rows of the slice.
        slice: [usize; 2],
    },
    /// Mask and axes overlap less than [`LEAST_OVERLAP`].
    Disagreement {
        /// [`Measurement::overlap`].
        overlap: f64,
    },
}

/// Measures the lesion in `area` on `slice`: the way of the data, from the slice to the axes.
///
/// `finished` is called at the end of every stage that succeeds. The same slice, box and cascade give the
/// same bits on every CPU. On success the workspace holds the patch, the canonical patch, the mask and the
/// heatmaps of this measurement.
///
/// # Errors
/// See [`MeasureError`]: whatever is not seen clearly is refused.
pub fn measure<C: Cascade>(
    slice: &CtSlice<'_>,
    area: LesionBox,
    cascade: &mut C,
    workspace: &mut Workspace,
    mut finished: impl FnMut(Stage),
) -> Result<Measurement, MeasureError<C::Error>> {
    let Workspace { patch, canonical, .. } = workspace;
    let square = crop(slice, area, patch).map_err(MeasureError::Crop)?;
    if slice.is_picture() {
        check_window(patch).map_err(MeasureError::Normalise)?;
    }
    normalise(patch, canonical).map_err(MeasureError::Normalise)?;
    finished(Stage::Crop);

    let Findings { theta, keypoints } = cascade.find(workspace, &mut finished)?;
    let confidences = keypoints.map(|keypoint| keypoint.confidence);
    if let Some(keypoint) = confidences.iter().position(|&c| c.is_nan() || c < LOWEST_CONFIDENCE) {
        return Err(MeasureError::NoKeypoint { keypoint, confidence: confidences[keypoint] });
    }
    let seen = keypoints.map(|keypoint| keypoint.position);
    let patch_to_slice = AffineMap::normalised_to_box(square);
    let canonical_to_slice = theta.canonical_to_patch().then(patch_to_slice);
    let keypoints = Keypoints::from_array(seen).map(|p| canonical_to_slice.apply(p));
    let axes = RecistAxes::from_keypoints(&keypoints, slice.spacing()).map_err(MeasureError::Axes)?;
    if let Some(end) = axes.keypoints().to_array().into_iter().find(|&end| !slice.contains(end)) {
        return Err(MeasureError::OutsideSlice { end, slice: [slice.width(), slice.height()] });
    }
    let overlap = overlap(&workspace.mask, axes, patch_to_slice, slice.spacing());
    if overlap < LEAST_OVERLAP {
        return Err(MeasureError::Disagreement { overlap });
    }
    let lesion_pixels = workspace.mask.iter().filter(|v| **v > LESION_LEVEL).count();
    let measurement = Measurement {
        axes,
        keypoints,
        confidences,
        spacing: slice.spacing(),
        square,
        mask_area: lesion_pixels as f64 / MASK_PIXELS as f64 * square.width() * square.height(),
        overlap,
        warnings: Warnings::default(),
    };
    finished(Stage::Decoding);
    Ok(measurement.with_warnings(slice, area, &seen, cascade.low_confidence()))
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Crop => "crop",
            Self::Localization => "localization",
            Self::Sampling => "sampling",
            Self::Hourglass => "hourglass",
            Self::Decoding => "decoding",
        })
    }
}

impl<E: fmt::Display> fmt::Display for MeasureError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Crop(error) => error.fmt(f),
            Self::Normalise(error) => error.fmt(f),
            Self::Network(error) => write!(f, "the network did not run: {error}"),
            Self::Theta(error) => write!(f, "not measured: {error}"),
            Self::Implausible { shift, scale } => write!(
                f,
                "not measured: shift {:.3} {:.3} and scale {scale:.3} cannot be in the box",
                shift.x, shift.y
            ),
            Self::NoKeypoint { keypoint, confidence } => {
                let name =
                    ["long axis start", "long axis end", "short axis start", "short axis end"][*keypoint];
                write!(f, "not measured: {name} seen with confidence {confidence:.3} only")
            }
            Self::Axes(error) => write!(f, "not measured: {error}"),
            Self::OutsideSlice { end, slice: [width, height] } => write!(
                f,
                "not measured: an axis ends at ({:.1}, {:.1}), outside the slice of {width} x {height} px",
                end.x, end.y
            ),
            Self::Disagreement { overlap } => {
                write!(f, "not measured: mask and axes show different things, their overlap is {overlap:.2}")
            }
        }
    }
}

impl<E: fmt::Debug + fmt::Display> core::error::Error for MeasureError<E> {}

#[cfg(test)]
mod tests {
    use core::convert::Infallible;

    use super::*;
    use crate::cascade::measurement::{FILLED, NEAR_EDGE, OBLIQUE};
    use crate::cascade::{CanonicalKeypoint, LOW_OVERLAP, MASK_SIZE, Warning};
    use crate::geometry::Theta;
    use crate::image::Samples;

    /// A cascade that sees what it is told to, in a patch that is the canonical one.
    #[derive(Clone, Copy)]
    struct Seen {
        /// Half of the long axis, which lies along x, in half patch widths.
        half_long: f64,
        /// The cosine of the angle between the axes.
        cosine: f64,
        confidence: f32,
        mask: [f32; MASK_PIXELS],
    }

    /// Clear, perpendicular, half as wide as the patch, and without a mask.
    const CLEAR: Seen = Seen { half_long: 0.5, cosine: 0.0, confidence: 0.9, mask: [f32::NAN; MASK_PIXELS] };

    /// The limit that [`Seen`] states.
    const LOW_CONFIDENCE: f32 = 0.6;

    /// Half of the short axis, in half patch widths.
    const HALF_SHORT: f64 = 0.3;

    impl Cascade for Seen {
        type Error = Infallible;

        fn find(
            &mut self,
            workspace: &mut Workspace,
            _: &mut dyn FnMut(Stage),
        ) -> Result<Findings, MeasureError<Infallible>> {
            workspace.mask = self.mask;
            let sine = (1.0 - self.cosine * self.cosine).sqrt();
            let (long, short) = (Point::new(self.half_long, 0.0), Point::new(self.cosine, sine) * HALF_SHORT);
            let keypoints = [long * -1.0, long, short * -1.0, short]
                .map(|position| CanonicalKeypoint { position, confidence: self.confidence });
            let theta = Theta::from_double_angle(Point::default(), 1.0, 0.0, 1.0);
            Ok(Findings { theta: theta.map_err(MeasureError::Theta)?, keypoints })
        }

        fn low_confidence(&self) -> f32 {
            LOW_CONFIDENCE
        }
    }

    /// The mask's pixels in the ellipse on the axes of [`CLEAR`].
    const ELLIPSE_PIXELS: usize = 124;

    /// Measures in a box of 40 pixels, `x0` pixels from the left; the patch is 50 pixels wide.
    fn measured(mut seen: Seen, x0: f64) -> Result<Measurement, MeasureError<Infallible>> {
        let samples: Vec<i16> = (0..64 * 64).map(|i| i % 89).collect();
        let slice = CtSlice::new(Samples::I16(&samples), [64, 64], 64, None).unwrap();
        let area = LesionBox::new(x0, 12.0, x0 + 40.0, 52.0).unwrap();
        measure(&slice, area, &mut seen, &mut Box::new(Workspace::new()), |_| ())
    }

    #[test]
    fn a_picture_whose_window_clips_what_the_box_shows_is_refused() {
        // The middle of the patch lies from column 19.5 to 44.5.
        let area = LesionBox::new(12.0, 12.0, 52.0, 52.0).unwrap();
        for (black, white, want) in
            [(0, 64, None), (22, 64, None), (28, 64, Some("30 %")), (22, 38, Some("33 %"))]
        {
            let grey = |x| {
                if x < black {
                    0.0
                } else if x < white {
                    (10 + x) as f32
                } else {
                    255.0
                }
            };
            let samples: Vec<f32> = (0..64 * 64).map(|i| grey(i % 64)).collect();
            let measured = |samples| {
                let slice = CtSlice::new(samples, [64, 64], 64, None).unwrap();
                measure(&slice, area, &mut CLEAR.clone(), &mut Box::new(Workspace::new()), |_| ())
            };
            assert!(measured(Samples::F32(&samples)).is_ok(), "Hounsfield units are no window's");
            let refusal = measured(Samples::Grey(&samples)).err().map(|error| error.to_string());
            assert_eq!(refusal.is_some(), want.is_some(), "{refusal:?}");
            assert!(refusal.as_ref().is_none_or(|text| text.starts_with(want.unwrap())), "{refusal:?}");
        }
    }

    #[test]
    fn a_warning_begins_beyond_its_limit_and_not_at_it() {
        let long = |half_long| Seen { half_long, ..CLEAR };
        let filling = long(0.68);
        assert_eq!(measured(filling, 12.0).unwrap().axes.long().length(), FILLED * 40.0, "at the limit");
        let confident = |confidence| Seen { confidence, ..CLEAR };
        let leaning = |cosine| Seen { cosine, ..CLEAR };
        for (warning, seen, x0, want) in [
            (Warning::FillsBox, filling, 12.0, false),
            (Warning::FillsBox, long(0.680_001), 12.0, true),
            (Warning::NearEdge, long(NEAR_EDGE), 12.0, false),
            (Warning::NearEdge, long(NEAR_EDGE.next_up()), 12.0, true),
            (Warning::NearEdge, CLEAR, -5.99, false),
            (Warning::NearEdge, CLEAR, -6.01, true),
            (Warning::NearEdge, CLEAR, 28.99, false),
            (Warning::NearEdge, CLEAR, 29.01, true),
            (Warning::LowConfidence, confident(LOW_CONFIDENCE), 12.0, false),
            (Warning::LowConfidence, confident(LOW_CONFIDENCE.next_down()), 12.0, true),
            (Warning::NotPerpendicular, leaning(OBLIQUE - 1e-9), 12.0, false),
            (Warning::NotPerpendicular, leaning(OBLIQUE + 1e-9), 12.0, true),
            (Warning::NotPerpendicular, leaning(-OBLIQUE - 1e-9), 12.0, true),
            (Warning::BeyondSlice, CLEAR, 0.51, false),
            (Warning::BeyondSlice, CLEAR, 0.49, true),
            (Warning::BeyondSlice, CLEAR, 22.49, false),
            (Warning::BeyondSlice, CLEAR, 22.51, true),
            (Warning::OutsideBox, long(0.959_999), 12.0, false),
            (Warning::OutsideBox, long(0.960_001), 12.0, true),
        ] {
            let warnings = measured(seen, x0).unwrap().warnings;
            assert_eq!(warnings.contains(warning), want, "{warning:?} {want}");
        }
    }

    #[test]
    fn the_thin_side_of_a_box_is_judged_by_the_box_that_was_drawn() {
        let samples: Vec<i16> = (0..64 * 64).map(|i| i % 89).collect();
        let slice = CtSlice::new(Samples::I16(&samples), [64, 64], 64, None).unwrap();
        let warned = |corners: [f64; 4], warning| {
            let [x0, y0, x1, y1] = corners;
            let area = LesionBox::new(x0, y0, x1, y1).unwrap();
            let measured = measure(&slice, area, &mut CLEAR.clone(), &mut Box::new(Workspace::new()), |_| ());
            measured.unwrap().warnings.contains(warning)
        };
        // The short axis reaches 7.5 px to either side of the middle of the patch of 50 px.
        assert!(warned([30.0, 12.0, 36.0, 52.0], Warning::OutsideBox), "6 px wide: the long axis has 25");
        assert!(warned([12.0, 31.0, 52.0, 33.0], Warning::OutsideBox), "2 px high: the short axis has 15");
        assert!(!warned([12.0, 28.0, 52.0, 36.0], Warning::OutsideBox), "8 px high: 3.5 px outside, of 40");
    }

    #[test]
    fn the_lowest_confidence_is_measured_and_less_is_not() {
        let with = |confidence| measured(Seen { confidence, ..CLEAR }, 12.0);
        assert_eq!(with(LOWEST_CONFIDENCE).unwrap().confidence(), LOWEST_CONFIDENCE);
        let less = with(LOWEST_CONFIDENCE.next_down());
        assert!(matches!(less, Err(MeasureError::NoKeypoint { keypoint: 0, .. })), "{less:?}");
    }

    /// A mask of `pixels` pixels, the ellipse on the axes of [`CLEAR`] among them.
    fn mask(pixels: usize) -> [f32; MASK_PIXELS] {
        let normalised = AffineMap::pixels_to_normalised(MASK_SIZE);
        let mut outside = pixels - ELLIPSE_PIXELS;
        core::array::from_fn(|i| {
            let at = normalised.apply(Point::new((i % MASK_SIZE) as f64, (i / MASK_SIZE) as f64));
            let (u, v) = (at.x / CLEAR.half_long, at.y / HALF_SHORT);
            let in_ellipse = u * u + v * v <= 1.0;
            let is_lesion = in_ellipse || outside > 0;
            outside = outside.saturating_sub(usize::from(!in_ellipse));
            f32::from(is_lesion)
        })
    }

    #[test]
    fn the_least_overlap_is_measured_and_the_low_one_has_no_warning_but_less_is_and_has() {
        let with = |pixels| measured(Seen { mask: mask(pixels), ..CLEAR }, 12.0);
        assert_eq!(with(ELLIPSE_PIXELS).unwrap().overlap, 1.0);
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a mask has few pixels")]
        let most = |overlap: f64| (ELLIPSE_PIXELS as f64 / overlap) as usize;
        for (pixels, want) in [
            (most(LOW_OVERLAP), Some(false)),
            (most(LOW_OVERLAP) + 1, Some(true)),
            (most(LEAST_OVERLAP), Some(true)),
            (most(LEAST_OVERLAP) + 1, None),
        ] {
            let got = with(pixels);
            let warned = got.ok().map(|measured| measured.warnings.contains(Warning::LowOverlap));
            assert_eq!(warned, want, "{ELLIPSE_PIXELS} of {pixels}");
        }
    }
}
