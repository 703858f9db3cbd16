use recist::cascade::{MeasureError, Measurement, Networks, Workspace, measure};
use recist::geometry::LesionBox;
use recist::image::CtSlice;

use super::Nothing;

/// What the runtime measures in a box, or why nothing.
///
/// # Errors
/// If a network could not be run, which is no refusal.
pub(crate) fn measured<N: Networks>(
    slice: &CtSlice<'_>,
    area: LesionBox,
    networks: &mut N,
    workspace: &mut Workspace,
) -> Result<Result<Measurement, Nothing>, String> {
    match measure(slice, area, networks, workspace, |_| {}) {
        Ok(measurement) => Ok(Ok(measurement)),
        Err(error @ MeasureError::Network(_)) => Err(error.to_string()),
        Err(MeasureError::Crop(_) | MeasureError::Normalise(_)) => Ok(Err(Nothing::Unfit)),
        Err(_) => Ok(Err(Nothing::Refused)),
    }
}

/// Networks that see nothing in a picture, or fail.
#[cfg(test)]
pub(super) struct Blind {
    pub(super) fails: bool,
}

#[cfg(test)]
mod tests {
    use recist::cascade::{Mask, ThetaOutputs};
    use recist::image::{Patch, Samples};

    use super::*;

    impl Networks for Blind {
        type Error = &'static str;

        fn heatmap_size(&self) -> usize {
            32
        }

        fn low_confidence(&self) -> f32 {
            0.5
        }

        fn localize(&mut self, _: &Patch, _: &mut Mask) -> Result<ThetaOutputs, &'static str> {
            if self.fails {
                Err("out of memory")
            } else {
                Ok(ThetaOutputs::from_array([0.0, 0.0, 1.0, 0.0, 0.0]))
            }
        }

        fn find_keypoints(&mut self, _: &Patch, heatmaps: &mut [f32]) -> Result<(), &'static str> {
            heatmaps.fill(0.0);
            Ok(())
        }
    }

    #[test]
    fn a_network_that_fails_is_no_refusal() {
        let samples: Vec<i16> = (0..64 * 64).map(|i| i % 89).collect();
        let slice = CtSlice::new(Samples::I16(&samples), [64, 64], 64, None).unwrap();
        let area = LesionBox::new(10.0, 10.0, 50.0, 50.0).unwrap();
        let found = |fails| measured(&slice, area, &mut Blind { fails }, &mut Workspace::new());
        assert_eq!(found(false), Ok(Err(Nothing::Refused)));
        assert_eq!(found(true), Err("the network did not run: out of memory".to_owned()));
    }

    #[test]
    fn a_box_that_the_networks_never_see_is_no_refusal() {
        let varied: Vec<i16> = (0..64 * 64).map(|i| i % 89).collect();
        let even = vec![40; 64 * 64];
        for (samples, [from, to], expected) in [
            (&varied, [10.0, 50.0], Nothing::Refused),
            (&varied, [-10.0, 70.0], Nothing::Unfit),
            (&varied, [30.0, 31.0], Nothing::Unfit),
            (&varied, [60.0, 110.0], Nothing::Unfit),
            (&even, [10.0, 50.0], Nothing::Unfit),
        ] {
            let slice = CtSlice::new(Samples::I16(samples), [64, 64], 64, None).unwrap();
            let area = LesionBox::new(from, from, to, to).unwrap();
            let found = measured(&slice, area, &mut Blind { fails: false }, &mut Workspace::new());
            assert_eq!(found, Ok(Err(expected)), "{from} to {to}");
        }
    }
}
