use super::{LESION_LEVEL, MASK_PIXELS, MASK_SIZE, Mask};
use crate::geometry::{AffineMap, PixelSpacing, Point, RecistAxes};

/// How far the mask and the axes show the same lesion: the area that the mask has in common with the ellipse on the
/// axes (section 2.1 of the paper) over the area of both together, from 0 to 1, by the mask's pixels.
///
/// `patch_to_slice` takes normalised patch coordinates to the slice. A mask of NaN throughout is none, and agrees
/// with nothing and with everything: the answer is NaN. One that holds a NaN among numbers agrees with nothing.
pub(super) fn overlap(
    mask: &Mask,
    axes: RecistAxes,
    patch_to_slice: AffineMap,
    spacing: Option<PixelSpacing>,
) -> f64 {
    match mask.iter().filter(|value| value.is_nan()).count() {
        0 => {}
        MASK_PIXELS => return f64::NAN,
        _ => return 0.0,
    }
    let spacing = spacing.unwrap_or(PixelSpacing::UNIT);
    let pixels_to_slice = AffineMap::pixels_to_normalised(MASK_SIZE).then(patch_to_slice);
    let center = axes.keypoints().center();
    // Along each axis, in halves of its length.
    let [along, across] = [axes.long(), axes.short()].map(|axis| {
        let axis = spacing.to_mm(axis.vector());
        axis * (2.0 / axis.dot(axis))
    });
    let (mut common, mut together) = (0_u32, 0_u32);
    for (y, row) in mask.chunks_exact(MASK_SIZE).enumerate() {
        for (x, &value) in row.iter().enumerate() {
            let at = spacing.to_mm(pixels_to_slice.apply(Point::new(x as f64, y as f64)) - center);
            let (u, v) = (at.dot(along), at.dot(across));
            let (inside, lesion) = (u * u + v * v <= 1.0, value > LESION_LEVEL);
            common += u32::from(inside & lesion);
            together += u32::from(inside | lesion);
        }
    }
    f64::from(common) / f64::from(together.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::Keypoints;

    /// Mask pixels are slice pixels here.
    fn of(mask: impl Fn(f64, f64) -> f32, spacing: Option<PixelSpacing>) -> f64 {
        let ends = [[6.0, 16.0], [26.0, 16.0], [16.0, 10.0], [16.0, 22.0]];
        let keypoints = Keypoints::from_array(ends.map(|[x, y]| Point::new(x, y)));
        let axes = RecistAxes::from_keypoints(&keypoints, spacing).unwrap();
        let values: [f32; MASK_PIXELS] =
            core::array::from_fn(|i| mask((i % MASK_SIZE) as f64 - 16.0, (i / MASK_SIZE) as f64 - 16.0));
        overlap(&values, axes, AffineMap::normalised_to_pixels(MASK_SIZE), spacing)
    }

    fn ellipse(x: f64, y: f64) -> f32 {
        f32::from((x / 10.0).powi(2) + (y / 6.0).powi(2) <= 1.0)
    }

    #[test]
    fn the_overlap_is_common_area_over_area_together() {
        assert_eq!(of(ellipse, None), 1.0);
        assert_eq!(of(|_, _| 0.0, None), 0.0);
        let half = of(|x, y| if x < 0.0 { ellipse(x, y) } else { 0.0 }, None);
        assert!((half - 0.5).abs() < 0.06, "{half}");
        let all = of(|_, _| 1.0, None);
        let expected = core::f64::consts::PI * 60.0 / 1024.0;
        assert!((all - expected).abs() < 0.01, "{all} {expected}");
        let elsewhere = of(|x, y| ellipse(x, y + 13.0), None);
        assert_eq!(elsewhere, 0.0);
    }

    #[test]
    fn the_ellipse_is_that_of_the_slice_whatever_a_millimetre_is() {
        let spacing = PixelSpacing::new(1.5, 0.5).unwrap();
        assert_eq!(of(ellipse, Some(spacing)), 1.0);
    }

    #[test]
    fn no_mask_agrees_with_nothing_and_with_everything() {
        assert!(of(|_, _| f32::NAN, None).is_nan());
        let broken = of(|x, y| if (x, y) == (3.0, 2.0) { f32::NAN } else { ellipse(x, y) }, None);
        assert_eq!(broken, 0.0, "a network that gives numbers and a NaN is broken");
    }
}
