//! A lesion has the same millimetres whatever the shape of the pixels that show it.

use recist::bundle::{AlignedBytes, Bundle};
use recist::cascade::{EngineNetworks, Plans, Workspace, measure};
use recist::engine::Kernel;
use recist::geometry::{LesionBox, PixelSpacing, Point};
use recist::image::{CtFile, CtSlice, Samples};
use recist_tests::c_package::repository;
use recist_tests::readers::read;
use recist_tests::real_data;

/// The means of blocks of `columns` x `rows` samples, row by row, and how many there are of them.
fn coarser(file: &CtFile, [columns, rows]: [usize; 2]) -> (Vec<f32>, [usize; 2]) {
    let slice = file.slice();
    let size = [slice.width() / columns, slice.height() / rows];
    let places = (0..size[1]).flat_map(|y| (0..size[0]).map(move |x| (x, y)));
    let mean = |(x, y): (usize, usize)| {
        let lines =
            (y * rows..).take(rows).map(|y| &file.samples()[y * slice.width() + x * columns..][..columns]);
        lines.flatten().sum::<f32>() / (columns * rows) as f32
    };
    (places.map(mean).collect(), size)
}

#[test]
fn a_slice_of_coarser_rows_or_columns_is_measured_alike() {
    let bytes = AlignedBytes::copy_of(&std::fs::read(repository().join("models/edge.recist")).unwrap());
    let plans = Plans::open(&Bundle::open(bytes.as_slice()).unwrap()).unwrap();
    let mut networks = EngineNetworks::new(plans, vec![0; plans.workspace_bytes()], Kernel::best());
    let mut workspace = Box::new(Workspace::new());
    let (mut changes, mut controls) = (vec![], vec![]);
    let folders = real_data().map(|data| data.join("dicom")).into_iter();
    for folder in folders.chain([repository().join("tests/sample")]) {
        let mut marks = read(&folder.join("recist.csv"));
        // One reader's box a slice.
        marks.dedup_by(|a, b| a.image == b.image);
        for mark in marks {
            let file = CtFile::read(&folder.join(&mark.image), None).unwrap();
            let area = LesionBox::drawn_round(&mark.keypoints.to_array(), 2.1, Point::default()).unwrap();
            let mut lengths = |[columns, rows]: [usize; 2], known: bool| {
                let (samples, size) = coarser(&file, [columns, rows]);
                let [across, down] = [columns, rows].map(|samples| samples as f64);
                let of = if known { [down, across] } else { [1.0, 1.0] };
                let spacing =
                    PixelSpacing::new(mark.spacing.row_mm() * of[0], mark.spacing.column_mm() * of[1]);
                let spacing = spacing.unwrap();
                let slice = CtSlice::new(Samples::F32(&samples), size, size[0], Some(spacing)).unwrap();
                let [x0, y0, x1, y1] = area.corners().map(|edge| edge + 0.5);
                let area =
                    LesionBox::new(x0 / across - 0.5, y0 / down - 0.5, x1 / across - 0.5, y1 / down - 0.5);
                let measured = measure(&slice, area.unwrap(), &mut networks, &mut workspace, |_| ()).ok()?;
                Some([measured.axes.long(), measured.axes.short()].map(|axis| axis.length_mm(spacing)))
            };
            let fine = lengths([1, 1], true).unwrap();
            for shape in [[1, 2], [2, 1]] {
                let coarse = lengths(shape, true).unwrap();
                println!("{} {shape:?}: {fine:.1?} {coarse:.1?} mm", mark.image);
                changes.extend(fine.iter().zip(coarse).map(|(fine, coarse)| (coarse / fine - 1.0).abs()));
                let taken_for_square = lengths(shape, false).map(|lengths| lengths[0]);
                controls.extend(taken_for_square.map(|long| (long / fine[0] - 1.0).abs()));
            }
        }
    }
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    println!("mean change {:.3}, taken for square pixels {:.3}", mean(&changes), mean(&controls));
    assert!(changes.iter().all(|change| *change < 0.15), "{changes:.3?}");
    assert!(mean(&changes) < 0.03, "{:.3}", mean(&changes));
    assert!(mean(&controls) > 0.1, "control: pixels taken for square change only {:.3}", mean(&controls));
}
