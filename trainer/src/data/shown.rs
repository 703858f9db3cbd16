use recist::geometry::Theta;

use super::{Augmentation, Lesion, MaskTarget, Pixels, Random, Sample, Targets, augment};

/// A lesion as training with these choices sees it, and what is to be found: `lesions[first]` or, in place of one that
/// shows nothing so, the next that shows something, those before it last.
///
/// # Errors
/// If a lesion cannot be read from its pack, or none shows anything.
pub fn first_shown(
    lesions: &[(&Lesion, Pixels<'_>)],
    first: usize,
    augmentation: &Augmentation,
    mask: MaskTarget,
    random: &mut Random,
) -> Result<(Sample, Targets, Theta), String> {
    let (mut samples, mut last) = (Vec::new(), String::new());
    for (lesion, pixels) in lesions[first..].iter().chain(&lesions[..first]) {
        pixels.read(&mut samples).map_err(|error| error.to_string())?;
        let shown = augment(lesion, &samples, pixels.depth, augmentation, random).and_then(|sample| {
            Targets::of(&sample.keypoints).map(|(targets, theta)| (sample, targets, theta))
        });
        match shown {
            Ok((sample, targets, theta)) => {
                let mask = mask.of(targets.mask, &sample, *pixels).map_err(|error| error.to_string())?;
                return Ok((sample, Targets { mask, ..targets }, theta));
            }
            Err(reason) => last = format!("{}: {reason}", lesion.name),
        }
    }
    Err(format!("none of {} lesions can be drawn: {last}", lesions.len()))
}
