//! DICOM objects that are no slices of the patient in Hounsfield units, or state what they are in a form of their own.

use recist_tests::dicom::{
    IMAGE_TYPE, MODALITY, NUMBER_OF_FRAMES, PER_FRAME_FUNCTIONAL_GROUPS, PIXEL_ASPECT_RATIO, PIXEL_SPACING,
    RESCALE_SLOPE, RESCALE_TYPE, ROWS, SHARED_FUNCTIONAL_GROUPS, SOP_CLASS_UID, element, object, refusal,
    refusal_of, sequence, with,
};

const FRAME_TYPE: &[u8] = b"\x08\0\x07\x90";
const VOLUMETRIC_PROPERTIES: &[u8] = b"\x08\0\x06\x92";
const VOLUME_BASED_CALCULATION_TECHNIQUE: &[u8] = b"\x08\0\x07\x92";
const CT_IMAGE_FRAME_TYPE: &[u8] = b"\x18\0\x29\x93";
const MODALITY_CT: &str = "1.2.840.10008.5.1.4.1.1.2";

#[test]
fn an_object_without_a_modality_is_refused() {
    let cases = [
        (element(MODALITY, "CS", b"CT"), "none"),
        (element(MODALITY, "UN", b"CT"), "none"),
        (element(MODALITY, "CS", b"MR"), "DICOM modality is MR, not CT"),
        (element(MODALITY, "CS", b"  "), "DICOM Modality is missing"),
        (vec![], "DICOM Modality is missing"),
    ];
    for (elements, want) in cases {
        assert_eq!(refusal(&with(&object("no_spacing"), MODALITY, &elements)), want);
    }
}

#[test]
fn an_object_of_another_class_than_ct_images_is_refused() {
    let class = |uid: &str| {
        let padded = format!("{uid}{}", &"\0"[..uid.len() % 2]);
        refusal(&with(&object("no_spacing"), SOP_CLASS_UID, &element(SOP_CLASS_UID, "UI", padded.as_bytes())))
    };
    assert_eq!(class(MODALITY_CT), "none", "the control");
    // Secondary capture, MR, positron emission tomography, segmentation, dose, and a class that there is not.
    for kind in ["7", "4", "128", "66.4", "481.2", "2.3"] {
        let uid = format!("1.2.840.10008.5.1.4.1.1.{kind}");
        assert_eq!(class(&uid), format!("DICOM SOPClassUID is {uid}, which is not a CT image"));
    }
    assert_eq!(refusal(&with(&object("no_spacing"), SOP_CLASS_UID, b"")), "DICOM SOPClassUID is missing");
    for kind in ["2.1", "2.2"] {
        let uid = format!("{MODALITY_CT}.{}", &kind[2..]);
        let uid = element(SOP_CLASS_UID, "UI", &[uid.as_bytes(), b"\0"].concat());
        let enhanced = with(&object("functional_groups"), SOP_CLASS_UID, &uid);
        assert_eq!(refusal_of(&enhanced, Some(2)), "none", "the control");
    }
}

#[test]
fn an_image_type_of_what_is_no_slice_is_refused() {
    let cases = [
        ("ORIGINAL\\PRIMARY\\LOCALIZER", Some("LOCALIZER")),
        ("DERIVED\\PRIMARY\\LOCALIZER\\NONE", Some("LOCALIZER")),
        ("ORIGINAL\\PRIMARY\\localizer", Some("LOCALIZER")),
        ("ORIGINAL\\PRIMARY\\\\LOCALIZER", Some("LOCALIZER")),
        ("DERIVED\\SECONDARY\\PROJECTION IMAGE", Some("PROJECTION IMAGE")),
        ("DERIVED\\SECONDARY\\AXIAL\\CT_SOM5 MIP", Some("MIP")),
        ("DERIVED\\PRIMARY\\VOLUME\\MAX_IP", Some("MAX_IP")),
        ("DERIVED\\PRIMARY\\VOLUME\\MIN_IP", Some("MIN_IP")),
        ("DERIVED\\SECONDARY\\SCREEN SAVE", Some("SCREEN SAVE")),
        ("DERIVED\\SECONDARY\\OTHER\\CSA MPR CURVED", Some("CURVED")),
        ("DERIVED\\SECONDARY\\VOLUME\\RENDERING", Some("RENDERING")),
        ("ORIGINAL\\PRIMARY\\AXIAL", None),
        ("ORIGINAL\\PRIMARY\\AXIAL\\CT_SOM5 SPI", None),
        ("ORIGINAL\\PRIMARY", None),
        ("DERIVED\\SECONDARY\\MPR", None),
        ("DERIVED\\PRIMARY\\AXIAL\\SCREEN\\SAVE", None),
        ("ORIGINAL\\LOCALIZER\\AXIAL", None),
        ("DERIVED\\PRIMARY\\AXIAL\\MIPS", None),
        ("", None),
    ];
    for (found, word) in cases {
        let want = word.map_or("none".to_owned(), |word| {
            format!("DICOM ImageType is {found}: what is marked {word} is not a CT slice")
        });
        for representation in ["CS", "UN"] {
            let image_type = element(IMAGE_TYPE, representation, found.as_bytes());
            assert_eq!(refusal(&with(&object("no_spacing"), IMAGE_TYPE, &image_type)), want, "{found}");
        }
    }
}

#[test]
fn a_frame_of_an_enhanced_object_that_is_no_slice_is_refused_wherever_it_says_so() {
    let cases: [(&[u8], &str, &str, Option<&str>); 9] = [
        (FRAME_TYPE, "FrameType", "ORIGINAL\\PRIMARY\\LOCALIZER\\NONE", Some("LOCALIZER")),
        (FRAME_TYPE, "FrameType", "DERIVED\\PRIMARY\\VOLUME\\MAX_IP", Some("MAX_IP")),
        (FRAME_TYPE, "FrameType", "ORIGINAL\\PRIMARY\\VOLUME\\NONE", None),
        (VOLUMETRIC_PROPERTIES, "VolumetricProperties", "DISTORTED", Some("DISTORTED")),
        (VOLUMETRIC_PROPERTIES, "VolumetricProperties", "VOLUME", None),
        (VOLUME_BASED_CALCULATION_TECHNIQUE, "VolumeBasedCalculationTechnique", "MAX_IP", Some("MAX_IP")),
        (
            VOLUME_BASED_CALCULATION_TECHNIQUE,
            "VolumeBasedCalculationTechnique",
            "VOLUME_RENDER",
            Some("VOLUME_RENDER"),
        ),
        (
            VOLUME_BASED_CALCULATION_TECHNIQUE,
            "VolumeBasedCalculationTechnique",
            "CURVED_MPR",
            Some("CURVED_MPR"),
        ),
        (VOLUME_BASED_CALCULATION_TECHNIQUE, "VolumeBasedCalculationTechnique", "MPR", None),
    ];
    let whole = object("functional_groups");
    for (tag, attribute, found, word) in cases {
        let stated = element(tag, "CS", found.as_bytes());
        let groups = sequence(CT_IMAGE_FRAME_TYPE, &[&stated]);
        let shared = with(&whole, SHARED_FUNCTIONAL_GROUPS, &sequence(SHARED_FUNCTIONAL_GROUPS, &[&groups]));
        let of_second = sequence(PER_FRAME_FUNCTIONAL_GROUPS, &[b"", &groups]);
        let of_second = with(&whole, PER_FRAME_FUNCTIONAL_GROUPS, &of_second);
        let want = word.map_or("none".to_owned(), |word| {
            format!("DICOM {attribute} is {found}: what is marked {word} is not a CT slice")
        });
        for object in [&shared, &of_second, &with(&whole, tag, &stated)] {
            assert_eq!(refusal_of(object, Some(2)), want, "{attribute}");
        }
        assert_eq!(refusal_of(&of_second, Some(1)), "none", "the control: {attribute} of another frame");
    }
}

#[test]
fn numbers_that_are_no_hounsfield_units_are_refused() {
    let cases = [
        ("HU", "none"),
        ("US", "none"),
        ("", "none"),
        ("MGML", "DICOM RescaleType is MGML, which is not supported"),
        ("Z_EFF", "DICOM RescaleType is Z_EFF, which is not supported"),
    ];
    for (found, want) in cases {
        let stated = element(RESCALE_TYPE, "LO", found.as_bytes());
        assert_eq!(refusal(&with(&object("no_spacing"), RESCALE_TYPE, &stated)), want);
    }
}

#[test]
fn an_enhanced_object_has_functional_groups_for_each_frame() {
    let whole = object("functional_groups");
    for items in [0, 1, 2, 3] {
        let groups = sequence(PER_FRAME_FUNCTIONAL_GROUPS, &vec![&b""[..]; items]);
        let want = if items == 2 {
            "none".to_owned()
        } else {
            format!("DICOM NumberOfFrames is 2, but PerFrameFunctionalGroupsSequence holds {items}")
        };
        let changed = with(&whole, PER_FRAME_FUNCTIONAL_GROUPS, &groups);
        assert_eq!(refusal_of(&changed, Some(1)), want);
    }
    assert_eq!(
        refusal_of(&with(&whole, PER_FRAME_FUNCTIONAL_GROUPS, b""), Some(1)),
        "DICOM NumberOfFrames is 2, but PerFrameFunctionalGroupsSequence holds 0"
    );
}

#[test]
fn an_attribute_of_another_form_is_refused_and_not_taken_for_none() {
    let cases: [(&[u8], &str, &[u8], &str); 12] = [
        (PIXEL_SPACING, "SQ", b"", "DICOM PixelSpacing is a sequence, which is not supported"),
        (PIXEL_SPACING, "UN", b"0.75\\0.75", "none"),
        (RESCALE_SLOPE, "SQ", b"", "DICOM RescaleSlope is a sequence, which is not supported"),
        (RESCALE_SLOPE, "UN", b"1 ", "none"),
        (NUMBER_OF_FRAMES, "IS", b"1 ", "none"),
        (NUMBER_OF_FRAMES, "IS", b"1\\2 ", "DICOM NumberOfFrames is 1\\2, which is not supported"),
        (NUMBER_OF_FRAMES, "IS", b"x ", "DICOM NumberOfFrames is x, which is not supported"),
        (ROWS, "US", b"\x0C\0", "none"),
        (ROWS, "UN", b"\x0C\0", "DICOM Rows is \u{FFFD}, which is not supported"),
        (ROWS, "US", b"\x0C\0\x06\0", "DICOM Rows is 12\\6, which is not supported"),
        (
            SHARED_FUNCTIONAL_GROUPS,
            "OB",
            b"",
            "DICOM SharedFunctionalGroupsSequence is not a sequence, which is not supported",
        ),
        (SHARED_FUNCTIONAL_GROUPS, "SQ", b"", "none"),
    ];
    for (tag, representation, value, want) in cases {
        let changed = with(&object("not_square"), tag, &element(tag, representation, value));
        assert_eq!(refusal(&changed), want, "{representation} {value:?}");
    }
}

#[test]
fn an_aspect_ratio_that_the_pixel_spacing_does_not_have_is_refused() {
    // The first object has rows 1.5 mm apart and columns 0.75 mm.
    let cases = [
        ("not_square", "2\\1", "none"),
        ("not_square", "200\\101", "none"),
        ("not_square", "1\\1", "none"),
        ("not_square", "1\\2", "DICOM PixelAspectRatio is 1\\2, but PixelSpacing is 1.5\\0.75"),
        ("not_square", "3\\1", "DICOM PixelAspectRatio is 3\\1, but PixelSpacing is 1.5\\0.75"),
        ("not_square", "2", "DICOM PixelAspectRatio is 2, which is not supported"),
        ("no_spacing", "1\\1", "none"),
        ("no_spacing", "2\\1", "DICOM PixelAspectRatio is 2\\1, but PixelSpacing is missing"),
    ];
    for (name, ratio, want) in cases {
        let stated = element(PIXEL_ASPECT_RATIO, "IS", ratio.as_bytes());
        assert_eq!(refusal(&with(&object(name), PIXEL_ASPECT_RATIO, &stated)), want, "{name} {ratio}");
    }
}
