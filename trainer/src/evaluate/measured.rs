use recist::cascade::{MeasureError, Measurement, Networks, Workspace, measure};
use recist::geometry::LesionBox;
use recist::image::CtSlice;

/// What the runtime measures in a box; none where it refuses.
///
/// # Errors
/// If a network could not be run, which is no refusal.
pub(crate) fn measured<N: Networks>(
    slice: &CtSlice<'_>,
    area: LesionBox,
    networks: &mut N,
    workspace: &mut Workspace,
) -> Result<Option<Measurement>, String> {
    match measure(slice, area, networks, workspace, |_| {}) {
        Ok(measurement) => Ok(Some(measurement)),
        Err(error @ MeasureError::Network(_)) => Err(error.to_string()),
        Err(_) => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use recist::cascade::{Mask, ThetaOutputs};
    use recist::image::{Patch, Samples};

    use super::*;

    /// Networks that see nothing in a picture, or fail.
    struct Blind {
        fails: bool,
    }

    impl Networks for Blind {
        type Error = &'static str;

        fn heatmap_size(&self) -> usize {
            32
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
        let measured = |fails| measured(&slice, area, &mut Blind { fails }, &mut Workspace::new());
        assert_eq!(measured(false), Ok(None));
        assert_eq!(measured(true), Err("the network did not run: out of memory".to_owned()));
    }
}
