use std::ops::RangeInclusive;
use std::path::PathBuf;

use recist::geometry::{Keypoints, PixelSpacing, Point};
use recist::image::CtFile;

use super::{Lesion, LesionPatch, Origin, Split};

/// The side of a packed patch, in lengths of the lesion's longest axis.
///
/// A training step cuts a square of at most [`super::Augmentation::careless_scale`]'s 3 axis lengths with its
/// [`MARGIN`](recist::image::MARGIN), moved by at most 0.25 and turned by any angle: its corner is at most
/// `(1.875 + 0.25) √2 < 3.01` lengths away.
const SIDE_IN_AXES: f64 = 6.0;

/// A side beyond which a patch is not cut: no lesion that a radiologist measures on a slice needs it.
const MAXIMUM_SIDE: f64 = 4096.0;

/// The means that a marked place can have in Hounsfield units. Air has -1000 and the densest bone about 2000; a
/// scanner's padding and what it reconstructs round metal lie beyond, but fill no lesion.
const POSSIBLE_HU: RangeInclusive<f64> = -2000.0..=4000.0;

/// A lesion that a reader of some format found, with its endpoints in pixels of the whole image.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// The image file.
    pub path: PathBuf,
    /// See [`Lesion::name`].
    pub name: String,
    /// See [`Lesion::patient`].
    pub patient: String,
    /// See [`Lesion::lesion`].
    pub lesion: String,
    /// See [`Lesion::split`].
    pub split: Split,
    /// See [`Lesion::organ`].
    pub organ: Option<String>,
    /// See [`Lesion::spacing`]; none if only the image states it.
    pub spacing: Option<PixelSpacing>,
    /// See [`Lesion::largest`].
    pub largest: bool,
    /// Each reader's endpoints.
    pub readers: Vec<Keypoints>,
    /// Where the readers' outlines are, if they drew any.
    pub outlines: Option<Outlines>,
}

/// A picture of what readers outlined.
#[derive(Clone, Debug)]
pub struct Outlines {
    /// An 8-bit picture as large as the image.
    pub path: PathBuf,
    /// The bit of its values that is set inside each reader's outline, from 0 to 7; of as many readers, in the same
    /// order, as measured the lesion.
    pub bits: Vec<u8>,
}

/// Cuts a candidate's patch out of its image, at the image's own resolution. Where the patch reaches beyond the
/// image, the nearest edge sample counts. A square image hardly larger than the patch is kept whole.
///
/// # Errors
/// If the image has another pixel spacing than the table, or neither states one, an endpoint lies outside the image
/// or, where readers mark places far apart, outside the patch, the endpoints are no measurement, what they mark has
/// Hounsfield units that nothing has, or the outlines cannot be read or show nothing where a reader measured.
pub fn cut(candidate: &Candidate, image: &CtFile) -> Result<LesionPatch, String> {
    let slice = image.slice_spaced(candidate.spacing).map_err(|error| error.to_string())?;
    let (width, height) = (slice.width(), slice.height());
    let spacing = slice.spacing().ok_or("neither it nor the table states its pixel spacing")?;
    let points: Vec<Point> = candidate.readers.iter().flat_map(|k| k.to_array()).collect();
    for &point in &points {
        if !slice.contains(point) {
            return Err(format!(
                "the endpoint ({}, {}) lies outside the {width} x {height} image",
                point.x, point.y
            ));
        }
    }
    check_hu(image, &points)?;
    let longest = candidate.readers.iter().map(|k| k.long().length()).fold(0.0, f64::max);
    let stretched = spacing.stretch().max(1.0 / spacing.stretch());
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "limited, and positive")]
    let side = (SIDE_IN_AXES * longest * stretched).clamp(16.0, MAXIMUM_SIDE).ceil() as usize;
    let (side, origin) = if width == height && width * 4 <= side * 5 {
        (width, [0, 0])
    } else {
        let center =
            points.iter().fold(Point::new(0.0, 0.0), |sum, &p| sum + p) * (1.0 / points.len() as f64);
        (side, [center.x, center.y].map(|at| first_pixel(at, side)))
    };

    let at = |first: i64, step: usize, size: usize| {
        usize::try_from(first + step as i64).unwrap_or(0).min(size - 1)
    };
    let part = |samples: &[f32]| -> Vec<f32> {
        let places = (0..side).flat_map(|y| (0..side).map(move |x| (x, y)));
        places.map(|(x, y)| samples[at(origin[1], y, height) * width + at(origin[0], x, width)]).collect()
    };
    let lesion = Lesion {
        name: candidate.name.clone(),
        patient: candidate.patient.clone(),
        lesion: candidate.lesion.clone(),
        split: candidate.split,
        origin: Origin::Real,
        organ: candidate.organ.clone(),
        spacing,
        largest: candidate.largest,
        readers: candidate
            .readers
            .iter()
            .map(|k| k.to_array().map(|p| [p.x - origin[0] as f64, p.y - origin[1] as f64]))
            .collect(),
        patch_origin: origin,
    };
    lesion.check(side)?;
    let outlines = candidate.outlines.as_ref();
    let outlines = outlines.map(|outlines| outlines.read([width, height], &candidate.readers)).transpose()?;
    Ok(LesionPatch { lesion, side, samples: part(image.samples()), outlines: outlines.as_deref().map(part) })
}

/// That the rectangle round the endpoints, which lie on the image, has a mean that something can have.
fn check_hu(image: &CtFile, points: &[Point]) -> Result<(), String> {
    let (width, height) = (image.slice().width(), image.slice().height());
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a place on an image")]
    let range = |of: fn(&Point) -> f64, size: usize| {
        let pixels =
            || points.iter().map(|point| of(point).round().max(0.0) as usize).map(|at| at.min(size - 1));
        pixels().min().unwrap_or(0)..=pixels().max().unwrap_or(0)
    };
    let (columns, rows) = (range(|point| point.x, width), range(|point| point.y, height));
    let marked = rows.flat_map(|y| columns.clone().map(move |x| f64::from(image.samples()[y * width + x])));
    let (count, sum) = marked.fold((0.0, 0.0), |(count, sum), hu| (count + 1.0, sum + hu));
    let mean = sum / count;
    if POSSIBLE_HU.contains(&mean) {
        return Ok(());
    }
    Err(format!(
        "what is marked on it has a mean of {mean:.0} HU, which nothing in a body has: a 16-bit PNG holds Hounsfield \
         units + 32768, a DICOM file what its rescale slope and intercept make of it"
    ))
}

impl Outlines {
    /// The outlines, row by row, with bit i for the i-th reader.
    fn read(&self, [width, height]: [usize; 2], readers: &[Keypoints]) -> Result<Vec<f32>, String> {
        let named = |reason: &dyn std::fmt::Display| format!("{}: {reason}", self.path.display());
        let file = CtFile::read(&self.path, None).map_err(|error| named(&error))?;
        let (columns, rows) = (file.slice().width(), file.slice().height());
        if (columns, rows) != (width, height) {
            return Err(named(&format_args!("{columns} x {rows} pixels on an image of {width} x {height}")));
        }
        let values: Vec<u8> =
            file.samples().iter().map(|&value| byte(value)).collect::<Result<_, _>>().map_err(|value| {
                named(&format_args!("the value {value} is none from 0 to 255: outlines are 8-bit pictures"))
            })?;
        for (keypoints, &bit) in readers.iter().zip(&self.bits) {
            let (center, reach) = (keypoints.center(), keypoints.long().length());
            let mut set = (0..values.len()).filter(|&at| values[at] >> bit & 1 == 1);
            let place = |at: usize| Point::new((at % width) as f64, (at / width) as f64);
            if !set.any(|at| place(at).distance(center) <= reach) {
                let Point { x, y } = center;
                return Err(named(&format_args!(
                    "reader {bit} outlined nothing within a long axis ({reach:.1} px) of ({x:.1}, {y:.1})"
                )));
            }
        }
        let of_readers = |value: u8| {
            let bits = self.bits.iter().enumerate();
            bits.map(|(reader, bit)| u32::from(value >> bit & 1) << reader).sum::<u32>() as f32
        };
        Ok(values.into_iter().map(of_readers).collect())
    }
}

/// The sample of an 8-bit picture, or else the sample itself.
fn byte(sample: f32) -> Result<u8, f32> {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "compared with the sample")]
    let byte = sample as u8;
    if f32::from(byte) == sample { Ok(byte) } else { Err(sample) }
}

fn first_pixel(center: f64, side: usize) -> i64 {
    #[allow(clippy::cast_possible_truncation, reason = "a place on an image")]
    let first = (center - (side - 1) as f64 / 2.0).round() as i64;
    first
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use recist::image::write_grey16;

    use super::*;

    /// A lesion of 12 x 8 pixels in a slice of 200 x 100, measured once round each place on row 50.
    fn measured(folder: &Path, places: &[f64]) -> (Candidate, CtFile) {
        let path = folder.join("slice.png");
        write_grey16(&path, [200, 100], &[40; 200 * 100]).unwrap();
        let image = CtFile::read(&path, None).unwrap();
        let axes = |&x: &f64| [[x - 6.0, 50.0], [x + 6.0, 50.0], [x, 46.0], [x, 54.0]];
        let points = places.iter().map(axes).map(|axes| axes.map(|[x, y]| Point::new(x, y)));
        let candidate = Candidate {
            path,
            name: "slice".into(),
            patient: "patient".into(),
            lesion: "patient/1".into(),
            split: Split::Train,
            organ: None,
            spacing: Some(PixelSpacing::new(0.7, 0.7).unwrap()),
            largest: true,
            readers: points.map(Keypoints::from_array).collect(),
            outlines: None,
        };
        (candidate, image)
    }

    fn write_grey8(path: &Path, values: &[u8]) {
        let mut encoder = png::Encoder::new(std::fs::File::create(path).unwrap(), 200, 100);
        encoder.set_color(png::ColorType::Grayscale);
        encoder.write_header().unwrap().write_image_data(values).unwrap();
    }

    #[test]
    fn readers_whose_marks_no_patch_shows_together_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        for (places, shown) in [([50.0, 100.0], true), ([20.0, 180.0], false)] {
            let (candidate, image) = measured(folder.path(), &places);
            let cut = cut(&candidate, &image).map(|patch| patch.lesion.readers.len());
            if shown {
                assert_eq!(cut, Ok(2), "the control");
            } else {
                assert!(
                    cut.unwrap_err().contains("of reader 1 of 2 lies outside the patch of 72 x 72 pixels")
                );
            }
        }
    }

    #[test]
    fn an_image_in_another_coding_is_refused_by_what_it_has_at_the_marks() {
        let folder = tempfile::tempdir().unwrap();
        let (candidate, _) = measured(folder.path(), &[50.0]);
        for (marked, elsewhere, want) in [
            (40, -1000, None),
            (-1024, -3024, None),
            (3000, 40, None),
            (40, -32768, None),
            (-31704, -32768, Some("a mean of -31704 HU")),
            (-2048, 40, Some("a mean of -2048 HU")),
            (30_000, 40, Some("a mean of 30000 HU")),
        ] {
            let is_marked = |at: i32| (44..57).contains(&(at % 200)) && (46..55).contains(&(at / 200));
            let hu: Vec<i16> =
                (0..200 * 100).map(|at| if is_marked(at) { marked } else { elsewhere }).collect();
            write_grey16(&candidate.path, [200, 100], &hu).unwrap();
            let error = cut(&candidate, &CtFile::read(&candidate.path, None).unwrap()).err();
            assert_eq!(error.is_some(), want.is_some(), "{marked}: {error:?}");
            let told = |error: String| {
                error.contains(want.unwrap()) && error.contains("a 16-bit PNG holds Hounsfield units + 32768")
            };
            assert!(error.is_none_or(told), "{marked}");
        }
    }

    #[test]
    fn a_lesion_whose_pixel_spacing_nothing_states_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let (stated, image) = measured(folder.path(), &[50.0]);
        assert_eq!(cut(&stated, &image).unwrap().lesion.spacing, stated.spacing.unwrap(), "the control");
        let error = cut(&Candidate { spacing: None, ..stated }, &image).unwrap_err();
        assert_eq!(error, "neither it nor the table states its pixel spacing");
    }

    #[test]
    fn outlines_that_are_not_those_of_the_readers_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("outlines.png");
        let (mut candidate, image) = measured(folder.path(), &[50.0, 52.0]);
        // Reader 1 outlined columns 45 to 54, reader 2 columns 47 to 56.
        let bits = |x: usize| u8::from((45..55).contains(&x)) << 1 | u8::from((47..57).contains(&x)) << 2;
        let inside = |at: usize| if (46..55).contains(&(at / 200)) { bits(at % 200) } else { 0 };
        let picture: Vec<u8> = (0..200 * 100).map(inside).collect();
        write_grey8(&path, &picture);

        let mut cut_with = |bits: [u8; 2]| {
            candidate.outlines = Some(Outlines { path: path.clone(), bits: bits.to_vec() });
            cut(&candidate, &image)
        };
        let patch = cut_with([1, 2]).unwrap();
        let outlined = |bit: u8| {
            let outlines = patch.outlines.iter().flatten();
            outlines.filter(|&&value| byte(value).unwrap() >> bit & 1 == 1).count()
        };
        assert_eq!([0, 1, 2].map(outlined), [90, 90, 0], "the control");
        let error = cut_with([1, 3]).unwrap_err();
        assert!(error.contains("outlines.png: reader 3 outlined nothing within"), "{error}");

        let far_away: Vec<u8> = (0..200 * 100).map(|at| if at % 200 < 20 { 255 } else { 0 }).collect();
        write_grey8(&path, &far_away);
        let error = cut_with([1, 2]).unwrap_err();
        assert!(error.contains("reader 1 outlined nothing within a long axis (12.0 px)"), "{error}");

        let deep: Vec<i16> = picture.iter().map(|&value| i16::from(value) - i16::MAX - 1).collect();
        write_grey16(&path, [200, 100], &deep).unwrap();
        let error = cut_with([1, 2]).unwrap_err();
        assert!(error.contains("outlines.png: the value -32768 is none from 0 to 255"), "{error}");
    }
}
