use recist::geometry::PixelSpacing;
use sha2::{Digest, Sha256};

use super::*;
use crate::data::{LesionPatch, Origin, Split};

fn lesion(name: &str) -> Lesion {
    Lesion {
        name: name.into(),
        patient: "patient".into(),
        lesion: "patient/1".into(),
        split: Split::Train,
        origin: Origin::Real,
        organ: None,
        spacing: PixelSpacing::new(0.7, 0.8).unwrap(),
        largest: true,
        readers: vec![[[1.0, 4.5], [7.0, 4.5], [4.0, 2.0], [4.0, 6.25]]],
        patch_origin: [-3, 12],
    }
}

fn patches() -> [LesionPatch; 2] {
    let bytes = (0..64).map(|i| (i * 4) as f32).collect();
    let hu = (0..64).map(|i| (i * 40 - 1024) as f32).collect();
    [("bytes", bytes), ("hu", hu)].map(|(name, samples)| LesionPatch {
        lesion: lesion(name),
        side: 8,
        samples,
        outlines: None,
    })
}

fn write(path: &Path) {
    let mut writer = PackWriter::open(path, "test").unwrap();
    for patch in patches() {
        writer.append(patch).unwrap();
    }
    writer.finish().unwrap();
}

#[test]
fn what_was_packed_is_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lesions.pack");
    write(&path);
    let pack = Pack::open(&path).unwrap();
    assert_eq!(pack.len(), 2);
    let mut samples = Vec::new();
    for ((lesion, pixels), patch) in pack.iter().zip(patches()) {
        pixels.read(&mut samples).unwrap();
        assert_eq!((lesion, &samples), (&patch.lesion, &patch.samples));
    }
    assert_eq!([0, 1].map(|i| pack.get(i).1.depth), [Depth::U8, Depth::I16]);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing else is left behind");
}

#[test]
fn padding_is_read_as_the_runtime_reads_it_whatever_its_value() {
    let folder = tempfile::tempdir().unwrap();
    let read = |padding: f32| {
        let path = folder.path().join(format!("{padding}.pack"));
        let mut writer = PackWriter::open(&path, "test").unwrap();
        let [_, mut patch] = patches();
        patch.samples[..9].fill(padding);
        writer.append(patch).unwrap();
        writer.finish().unwrap();
        let mut samples = Vec::new();
        Pack::open(&path).unwrap().get(0).1.read(&mut samples).unwrap();
        samples
    };
    assert_eq!(read(-3024.0), read(-1024.0));
    assert_ne!(read(-1000.0), read(-1024.0), "control");
}

#[test]
fn packs_that_count_together_hold_a_lesion_once_and_a_patient_in_one_split() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let pack = |name: &str, lesion: Lesion| {
        let mut writer = PackWriter::open(&path(name), "test").unwrap();
        let [patch, _] = patches();
        writer.append(LesionPatch { lesion, ..patch }).unwrap();
        writer.finish().unwrap();
    };
    pack("a.pack", lesion("1"));
    pack("b.pack", lesion("2"));
    pack("generated.pack", Lesion { origin: Origin::Phantom, ..lesion("1") });
    pack("hospital.pack", Lesion { patient: "another".into(), split: Split::Test, ..lesion("1") });
    pack("test.pack", Lesion { split: Split::Test, ..lesion("3") });
    std::fs::copy(path("a.pack"), path("copy.pack")).unwrap();
    for (names, word) in [
        (["b.pack", "generated.pack", "a.pack", "hospital.pack"].as_slice(), None),
        (&["b.pack", "a.pack", "test.pack"], Some("/b.pack and in test in ")),
        (&["a.pack", "b.pack", "a.pack"], Some("a.pack both hold the lesion 1")),
        (
            &["b.pack", "a.pack", "copy.pack"],
            Some("copy.pack both hold the lesion 1, which would count twice"),
        ),
    ] {
        let paths: Vec<PathBuf> = names.iter().map(|name| path(name)).collect();
        let error = Pack::open_all(&paths).map(|_| ()).map_err(|error| error.to_string()).err();
        assert_eq!(error.is_some(), word.is_some(), "{names:?}: {error:?}");
        let named = |error: String| {
            let patient = error.contains("the patient patient is in the split train in");
            (patient || error.contains("a.pack and ")) && word.is_some_and(|word| error.contains(word))
        };
        assert!(error.is_none_or(named), "{names:?}");
    }
}

#[test]
fn one_writer_writes_a_pack_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lesions.pack");
    let [first, second] = patches();
    let mut writer = PackWriter::open(&path, "test").unwrap();
    writer.append(first).unwrap();
    let error = PackWriter::open(&path, "another source").unwrap_err().to_string();
    assert!(error.contains("lesions.pack.partial: another process is packing into it"), "{error}");
    PackWriter::open(&folder.path().join("other.pack"), "test").unwrap();
    writer.append(second).unwrap();
    writer.finish().unwrap();
    assert_eq!(Pack::open(&path).unwrap().len(), 2);
}

#[test]
fn a_patch_is_known_by_what_it_was_made_from_and_can_be_taken_out_again() {
    let folder = tempfile::tempdir().unwrap();
    let (path, whole) = (folder.path().join("lesions.pack"), folder.path().join("whole.pack"));
    write(&whole);
    let [first, second] = patches();
    let other = LesionPatch { samples: first.samples.clone(), ..second.clone() };
    let mut writer = PackWriter::open(&path, "test").unwrap();
    writer.append_from("one", first).unwrap();
    writer.append_from("two", other).unwrap();
    drop(writer);
    let mut writer = PackWriter::open(&path, "test").unwrap();
    for (index, name, source, held) in [
        (0, "bytes", "one", true),
        (0, "bytes", "two", false),
        (0, "hu", "one", false),
        (1, "hu", "two", true),
        (2, "hu", "two", false),
    ] {
        assert_eq!(writer.holds(index, name, source), held, "{index} {name} {source}");
    }
    writer.truncate(2).unwrap();
    assert_eq!(writer.len(), 2);
    writer.truncate(1).unwrap();
    drop(writer);
    let mut writer = PackWriter::open(&path, "test").unwrap();
    assert_eq!(writer.len(), 1, "what was taken out is not gone on with");
    writer.append_from("three", second).unwrap();
    writer.finish().unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), std::fs::read(&whole).unwrap());
}

#[test]
fn what_no_pack_may_hold_is_not_packed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lesions.pack");
    let mut writer = PackWriter::open(&path, "test").unwrap();
    let [good, _] = patches();
    let mut unread = lesion("unread");
    unread.readers.clear();
    let mut outside = lesion("outside");
    outside.readers[0][1][0] = 7.75;
    for (bad, word) in [(unread, "no reader"), (outside, "(7.75, 4.5) of reader 1 of 1 lies outside")] {
        let name = bad.name.clone();
        let error = writer.append(LesionPatch { lesion: bad, ..good.clone() }).unwrap_err().to_string();
        assert!(error.contains(word) && error.contains(&name), "{error}");
    }
    writer.append(good.clone()).unwrap();
    writer.finish().unwrap();
    let pack = Pack::open(&path).unwrap();
    assert_eq!(pack.iter().map(|(lesion, _)| lesion).collect::<Vec<_>>(), [&good.lesion]);
}

#[test]
fn an_endpoint_outside_its_patch_and_a_spacing_that_is_none_are_refused_though_the_checksum_holds() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lesions.pack");
    write(&path);
    let good = std::fs::read(&path).unwrap();
    for (from, to, refused) in [
        (b"[7.0,4.5]", b"[7.4,4.5]", None),
        (b"[7.0,4.5]", b"[8.0,4.5]", Some("bytes: the endpoint (8, 4.5) of")),
        (b"[0.7,0.8]", b"[0.6,0.8]", None),
        (b"[0.7,0.8]", b"[0.0,0.8]", Some("its index is wrong: pixel spacing must be from 0.01 to 10 mm")),
    ] {
        let mut bytes = good.clone();
        let at = bytes.windows(from.len()).position(|window| window == from).unwrap();
        bytes[at..at + to.len()].copy_from_slice(to);
        let (content, hash) = bytes.split_last_chunk_mut::<HASH_BYTES>().unwrap();
        hash.copy_from_slice(&Sha256::digest(content));
        std::fs::write(&path, bytes).unwrap();
        let error = Pack::open(&path).map_err(|error| error.to_string()).err();
        assert_eq!(error.is_some(), refused.is_some(), "{error:?}");
        assert!(error.is_none_or(|error| error.contains(refused.unwrap())), "{to:?}");
    }
}

#[test]
fn outlines_lie_behind_their_patch() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lesions.pack");
    let mut writer = PackWriter::open(&path, "test").unwrap();
    let [with, without] = patches();
    let outlines: Vec<f32> = (0..64).map(|i| f32::from(i % 3 == 0)).collect();
    writer.append(LesionPatch { outlines: Some(outlines.clone()), ..with }).unwrap();
    writer.append(without).unwrap();
    writer.finish().unwrap();
    let pack = Pack::open(&path).unwrap();
    let mut read = Vec::new();
    pack.get(0).1.read_outlines(&mut read).unwrap();
    assert_eq!(read, outlines);
    assert!(pack.get(0).1.has_outlines() && !pack.get(1).1.has_outlines());
    let error = pack.get(1).1.read_outlines(&mut read).unwrap_err().to_string();
    assert!(error.contains("hu"), "{error}");
}

#[test]
fn an_interrupted_pack_is_finished_to_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let (whole, resumed) = (folder.path().join("whole.pack"), folder.path().join("resumed.pack"));
    // Numbers with every digit that a float can need.
    let patches = || {
        patches().map(|patch| {
            let starts = (1..400).map(|i| 1.0 + f64::from(i).sqrt() / 77.0);
            let readers = starts.map(|x| [[x, 4.5], [7.0, 4.5], [4.0, 2.0], [4.0, 6.25]]).collect();
            LesionPatch { lesion: Lesion { readers, ..patch.lesion }, ..patch }
        })
    };
    let mut writer = PackWriter::open(&whole, "test").unwrap();
    for patch in patches() {
        writer.append(patch).unwrap();
    }
    writer.finish().unwrap();
    for (source, kept) in [("test", 1), ("another source", 0)] {
        let mut writer = PackWriter::open(&resumed, source).unwrap();
        for patch in patches().into_iter().take(1).skip(writer.len()) {
            writer.append(patch).unwrap();
        }
        drop(writer);
        // A crash in the middle of the second patch.
        let partial = folder.path().join("resumed.pack.partial");
        let mut bytes = std::fs::read(&partial).unwrap();
        bytes.extend([1, 2, 3]);
        std::fs::write(&partial, bytes).unwrap();
        let mut writer = PackWriter::open(&resumed, "test").unwrap();
        assert_eq!(writer.len(), kept, "{source}");
        for patch in patches().into_iter().skip(kept) {
            writer.append(patch).unwrap();
        }
        writer.finish().unwrap();
        assert_eq!(std::fs::read(&whole).unwrap(), std::fs::read(&resumed).unwrap());
    }
}

#[test]
fn a_pack_that_is_damaged_of_another_version_or_cut_short_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lesions.pack");
    write(&path);
    let good = std::fs::read(&path).unwrap();
    let changed = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = good.clone();
        change(&mut bytes);
        std::fs::write(&path, bytes).unwrap();
        Pack::open(&path).map(|_| ()).map_err(|error| error.to_string())
    };
    assert_eq!(changed(&|_| ()), Ok(()), "the control");
    assert!(changed(&|bytes| bytes[0] ^= 1).unwrap_err().contains("is not a pack"));
    assert!(changed(&|bytes| bytes[8] = 1).unwrap_err().contains("version 1"));
    for place in (16..good.len()).step_by(7) {
        let error = changed(&|bytes| bytes[place] ^= 4).unwrap_err();
        assert!(error.contains("is damaged") || error.contains("is cut short"), "byte {place}: {error}");
    }
    for length in [0, 5, 16, 50, 100, good.len() - 1] {
        let error = changed(&|bytes| bytes.truncate(length)).unwrap_err();
        assert!(
            ["cut short", "damaged", "not a pack"].iter().any(|word| error.contains(word)),
            "{length} bytes: {error}"
        );
        assert!(error.contains("lesions.pack"), "{error}");
    }
}
