//! A bundle from an untrusted hand is refused with a reason, or it measures: it never brings the program down.

use recist::bundle::{AlignedBytes, Bundle, Parts, write};
use recist::cascade::{EngineNetworks, Networks, Plans};
use recist::engine::Kernel;
use recist_tests::hostile::{Reached, open_and_measure};
use recist_tests::{seal, toy};

#[test]
fn two_thousand_mutated_bundles_are_refused_or_measure() {
    let whole = toy::bundle();
    assert_eq!(open_and_measure(&whole), Reached::Measured, "the control");
    let section = |i: usize| -> usize {
        let at = 16 + 8 * i;
        u32::from_le_bytes(whole[at..at + 4].try_into().unwrap()).try_into().unwrap()
    };
    // Header, manifest, the tables of both plans and the head of the test vectors.
    let places: [std::ops::Range<usize>; 5] = [
        8..64,
        section(0)..section(1),
        section(1)..section(1) + 700,
        section(2)..section(2) + 500,
        section(3)..section(3) + 120,
    ];
    let mut state = 5_u64;
    let mut random = move |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap() % below
    };
    let mut counts = [0; 3];
    for i in 0..2_000 {
        let mut bytes = whole.clone();
        for _ in 0..=random(3) {
            let place = &places[random(places.len())];
            let at = place.start + random(place.len());
            let value = [0, 1, 2, 15, 16, 63, 64, 127, 128, 255][random(10)];
            match random(3) {
                0 => bytes[at] = value,
                1 => bytes[at] ^= 1 << random(8),
                _ => bytes[at / 4 * 4..][..4].copy_from_slice(&u32::from(value).to_le_bytes()),
            }
        }
        if i % 100 == 0 {
            bytes.truncate(random(whole.len()));
        }
        seal::bundle(&mut bytes);
        counts[open_and_measure(&bytes) as usize] += 1;
    }
    let [refused, opened, measured] = counts;
    println!("{refused} refused, {opened} opened, {measured} measured");
    assert!(refused > 200 && opened + measured > 200, "the mutations reach every stage");
}

#[test]
fn a_manifest_that_disagrees_with_the_plans_is_refused_with_both_sizes() {
    let bytes = AlignedBytes::copy_of(&toy::bundle());
    let toy = Bundle::open(bytes.as_slice()).unwrap();
    let opened = |size: &str, localization: &[u8], hourglass: &[u8]| -> Result<(), String> {
        let manifest: Vec<(&str, &str)> = toy
            .manifest()
            .entries()
            .map(|(key, value)| (key, if key == "heatmap_size" { size } else { value }))
            .collect();
        let parts = Parts { manifest: &manifest, localization, hourglass, test_vectors: &[] };
        let bytes = AlignedBytes::copy_of(&write(&parts).unwrap());
        let bundle = Bundle::open(bytes.as_slice()).unwrap();
        Plans::open(&bundle).map(|_| ()).map_err(|error| error.to_string())
    };
    let (localization, hourglass) = (toy.localization(), toy.hourglass());
    assert_eq!(opened("32", localization, hourglass), Ok(()), "the control");
    let message = |text: &str| Err(text.to_owned());
    assert_eq!(
        opened("64", localization, hourglass),
        message("hourglass network gives heatmaps of 32 x 32, the manifest states 64 x 64")
    );
    assert_eq!(
        opened("32", hourglass, localization),
        message(
            "localization network is not the cascade's: a patch of 128 x 128 in, a mask of 32 x 32 and five \
             numbers out is expected"
        )
    );
    assert_eq!(
        opened("32", localization, &[]),
        message("hourglass network: not a plan: the magic is missing")
    );
}

#[test]
fn the_networks_of_a_bundle_call_that_confidence_low_which_its_manifest_does() {
    let bytes = AlignedBytes::copy_of(&toy::bundle());
    let toy = Bundle::open(bytes.as_slice()).unwrap();
    for (text, low_confidence) in [("0", 0.0), ("0.37", 0.37), ("1", 1.0)] {
        let stated = |(key, value)| (key, if key == "low_confidence" { text } else { value });
        let manifest: Vec<(&str, &str)> = toy.manifest().entries().map(stated).collect();
        let (localization, hourglass) = (toy.localization(), toy.hourglass());
        let parts = Parts { manifest: &manifest, localization, hourglass, test_vectors: &[] };
        let bytes = AlignedBytes::copy_of(&write(&parts).unwrap());
        let plans = Plans::open(&Bundle::open(bytes.as_slice()).unwrap()).unwrap();
        let networks = EngineNetworks::new(plans, vec![0; plans.workspace_bytes()], Kernel::Scalar);
        assert_eq!(Networks::low_confidence(&networks), low_confidence);
    }
}
