//! The report's JSON is README's, field by field.

use recist::cascade::{Workspace, measure};
use recist::geometry::{Keypoints, LesionBox, PixelSpacing, Point};
use recist::image::{CtSlice, Samples, crop_square};
use recist::report::{ModelName, Report};
use recist_tests::oracle::Oracle;

fn json(spacing: Option<PixelSpacing>) -> String {
    let samples: Vec<i16> = (0..64 * 64).map(|i| i % 89).collect();
    let slice = CtSlice::new(Samples::I16(&samples), [64, 64], 64, spacing).unwrap();
    let ends = [(40.0, 30.0), (20.0, 30.0), (30.0, 36.0), (30.0, 25.0)].map(|(x, y)| Point::new(x, y));
    let area = LesionBox::new(10.0, 12.0, 52.0, 50.0).unwrap();
    let mut oracle = Oracle::new(Keypoints::from_array(ends), crop_square(&slice, area).unwrap(), 64);
    let mut workspace = Box::new(Workspace::new());
    let measurement = measure(&slice, area, &mut oracle, &mut workspace, |_| ()).unwrap();
    let model = ModelName { name: "oracle", version: "1.2", sha256: [0x12; 32] };
    Report { image: "a \"b\".dcm", area, measurement: &measurement, model, engine: "none" }.json()
}

/// The object without digits, so that the last decimals of the oracle do not matter.
fn shape(json: &str) -> String {
    let mut shape = String::new();
    for c in json.chars() {
        let c = if c.is_ascii_digit() || c == '.' || c == '-' { '#' } else { c };
        if c != '#' || !shape.ends_with('#') {
            shape.push(c);
        }
    }
    shape
}

#[test]
fn the_json_line_has_the_stated_fields_in_order() {
    let json = json(PixelSpacing::new(0.5, 0.5).ok());
    let want = concat!(
        r##"{"image":"a \"b\"#dcm","box":[#,#,#,#],"long_axis":{"start":[#,#],"end":[#,#],"px":#,"mm":#},"##,
        r##""short_axis":{"start":[#,#],"end":[#,#],"px":#,"mm":#},"angle_deg":#,"confidence":#,"##,
        r##""mask_area_mm#":#,"warnings":[],"model":{"name":"oracle","version":"#","sha#":"#"},"engine":"none"}"##,
    );
    assert_eq!(shape(&json), want);
    assert!(json.contains(r#""angle_deg":0.0,"#), "{json}");
}

#[test]
fn without_spacing_millimetres_are_null_and_a_warning_says_so() {
    let json = json(None);
    assert_eq!(json.matches(r#""mm":null"#).count(), 2, "{json}");
    assert!(json.contains(r#""mask_area_mm2":null,"warnings":["no pixel spacing: lengths in pixels only"]"#));
}
