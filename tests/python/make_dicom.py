"""Makes the small DICOM files of tests/golden/dicom with pydicom, and what pydicom reads from them.

Every file has a text file beside it: the first line is the frame, columns, rows and pixel spacing (or
"none"), then one line a row with the Hounsfield units of pydicom.pixels.apply_rescale. Values that the file
marks as padding, and MONOCHROME1, are then treated as runtime/src/image/dicom.rs documents it.

    python3 -m venv .venv
    .venv/bin/pip install pydicom==3.0.2 numpy==2.4.6 imagecodecs==2026.3.6 pylibjpeg==2.1.0 pylibjpeg-libjpeg==2.5.0
    .venv/bin/python tests/python/make_dicom.py

These versions write every file as it is kept, byte for byte.

With --real FOLDER it writes tests/golden/dicom_real.txt: the SHA-256 of the Hounsfield units, as little
endian float32, of every DICOM file in the folder.
"""

import argparse
import hashlib
import pathlib

import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.pixels import apply_rescale
from pydicom.sequence import Sequence
from pydicom.uid import (
    CTImageStorage,
    DeflatedExplicitVRLittleEndian,
    EnhancedCTImageStorage,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLosslessSV1,
    RLELossless,
)

GOLDEN = pathlib.Path(__file__).resolve().parents[1] / "golden"
ROWS, COLUMNS = 12, 16
PADDING_HU = -1024


def picture(signed, bits, seed=1):
    rng = np.random.default_rng(seed)
    low, high = (-1000, 1500) if signed else (0, 2 ** min(bits, 12))
    values = rng.integers(low, high, (ROWS, COLUMNS))
    return values.astype({True: np.int16, False: np.uint16 if bits > 8 else np.uint8}[signed])


def dataset(values, syntax=ExplicitVRLittleEndian, bits=16, **attributes):
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.MediaStorageSOPClassUID = attributes.pop("sop_class", CTImageStorage)
    ds.file_meta.MediaStorageSOPInstanceUID = "1.2.826.0.1.3680043.8.498.1"
    ds.file_meta.TransferSyntaxUID = syntax
    ds.SOPClassUID = ds.file_meta.MediaStorageSOPClassUID
    ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID
    ds.Modality = "CT"
    ds.PhotometricInterpretation = "MONOCHROME2"
    ds.SamplesPerPixel = 1
    ds.Rows, ds.Columns = values.shape[-2:]
    ds.BitsAllocated = values.dtype.itemsize * 8
    ds.BitsStored, ds.HighBit = bits, bits - 1
    ds.PixelRepresentation = int(values.dtype.kind == "i")
    ds.RescaleSlope, ds.RescaleIntercept = "1", "-1024"
    ds.PixelSpacing = ["0.75", "0.75"]
    for name, value in attributes.items():
        if value is None:
            delattr(ds, name)
        else:
            setattr(ds, name, value)
    ds.PixelData = values.astype(values.dtype.newbyteorder(">" if syntax == ExplicitVRBigEndian else "<")).tobytes()
    ds["PixelData"].VR = "OW" if values.dtype.itemsize == 2 else "OB"
    return ds


def compressed(values, frames, syntax, bits, **attributes):
    ds = dataset(values, syntax, bits, **attributes)
    ds.PixelData = encapsulate(frames)
    ds["PixelData"].VR = "OB"
    ds["PixelData"].is_undefined_length = True
    return ds


def hounsfield(path, frame=None):
    ds = pydicom.dcmread(path)
    stored = ds.pixel_array
    source = ds
    if frame is not None:
        stored = stored[frame - 1]
    if "SharedFunctionalGroupsSequence" in ds:
        source = ds.SharedFunctionalGroupsSequence[0].PixelValueTransformationSequence[0]
    if "PerFrameFunctionalGroupsSequence" in ds:
        groups = ds.PerFrameFunctionalGroupsSequence[(frame or 1) - 1]
        source = groups.get("PixelValueTransformationSequence", [source])[0]
    seen = stored.astype(np.int64)
    if ds.PhotometricInterpretation == "MONOCHROME1":
        seen = (-1 - seen) if ds.PixelRepresentation else (2**ds.BitsStored - 1 - seen)
    hu = apply_rescale(seen, source).astype(np.float64)
    if "PixelPaddingValue" in ds:
        first = ds.PixelPaddingValue
        if ds.PixelRepresentation and first > 32767:
            first -= 65536
        last = ds.get("PixelPaddingRangeLimit", first)
        hu[(stored >= min(first, last)) & (stored <= max(first, last))] = PADDING_HU
    return hu


def spacing(ds):
    measures = ds
    if "SharedFunctionalGroupsSequence" in ds:
        measures = ds.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0]
    value = measures.get("PixelSpacing")
    return f"{value[0]} {value[1]}" if value else "none"


def save(name, ds, frames=(None,)):
    folder = GOLDEN / "dicom"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.dcm"
    ds.save_as(path, enforce_file_format=True)
    lines = []
    for frame in frames:
        hu = hounsfield(path, frame)
        lines.append(f"{frame or 0} {hu.shape[1]} {hu.shape[0]} {spacing(ds)}")
        lines += [" ".join(f"{v:g}" for v in row) for row in hu]
    (folder / f"{name}.txt").write_text("\n".join(lines) + "\n")


def unreadable(name, ds):
    ds.save_as(GOLDEN / "dicom" / f"{name}.dcm", enforce_file_format=True)


def synthetic():
    import imagecodecs

    signed, unsigned = picture(True, 16), picture(False, 12)
    padded = signed.copy()
    padded[:3] = -2000
    save("signed_padding", dataset(padded, PixelPaddingValue=-2000, RescaleIntercept="0"))
    unsigned_padding = dataset(padded, RescaleIntercept="0")
    unsigned_padding.add_new("PixelPaddingValue", "US", 63536)
    save("signed_padding_written_as_unsigned", unsigned_padding)
    ranged = padded.copy()
    ranged[3, :8] = -1990
    save("padding_range", dataset(ranged, PixelPaddingValue=-2000, PixelPaddingRangeLimit=-1985, RescaleIntercept="0"))
    save("monochrome1", dataset(unsigned, bits=12, PhotometricInterpretation="MONOCHROME1"))
    save("monochrome1_signed", dataset(signed, PhotometricInterpretation="MONOCHROME1", RescaleIntercept="0"))
    save("implicit", dataset(unsigned, ImplicitVRLittleEndian, 12))
    save("big_endian", dataset(signed, ExplicitVRBigEndian, RescaleIntercept="0"))
    save("deflated", dataset(signed, DeflatedExplicitVRLittleEndian, RescaleIntercept="0"))
    save("eight_bits", dataset(picture(False, 8), bits=8, RescaleSlope="8", RescaleIntercept="-1000.5"))
    rle = dataset(signed, RescaleIntercept="0")
    rle.compress(RLELossless, generate_instance_uid=False)
    save("rle", rle)
    lossless = imagecodecs.ljpeg_encode(unsigned, bitspersample=12)
    save("jpeg_lossless", compressed(unsigned, [lossless], JPEGLosslessSV1, 12))
    smooth = np.add.outer(np.arange(16) * 8, np.arange(16) * 4).astype(np.uint8)
    save("jpeg_baseline", compressed(smooth, [imagecodecs.jpeg8_encode(smooth, level=100)], JPEGBaseline8Bit, 8))
    save("jpeg_extended", compressed(smooth, [imagecodecs.jpeg8_encode(smooth, level=100)], JPEGExtended12Bit, 8))
    deep = smooth.astype(np.uint16) * 16
    extended = imagecodecs.jpeg_encode(deep, level=100, bitspersample=12)
    unreadable("jpeg_extended_12_bits", compressed(deep, [extended], JPEGExtended12Bit, 12))
    two = np.stack([picture(True, 16, 2), picture(True, 16, 3)])
    save("two_frames", dataset(two, NumberOfFrames=2, RescaleIntercept="0"), (1, 2))
    save("no_spacing", dataset(signed, PixelSpacing=None))
    save("imager_spacing", dataset(signed, PixelSpacing=None, ImagerPixelSpacing=["0.5", "0.5"]))
    save("not_square", dataset(signed, PixelSpacing=["1.5", "0.75"]))

    enhanced = dataset(two, NumberOfFrames=2, sop_class=EnhancedCTImageStorage,
                       RescaleSlope=None, RescaleIntercept=None, PixelSpacing=None)
    measures, values = Dataset(), Dataset()
    measures.PixelSpacing = ["0.625", "0.5"]
    values.RescaleSlope, values.RescaleIntercept, values.RescaleType = "2", "-100", "HU"
    shared = Dataset()
    shared.PixelMeasuresSequence = Sequence([measures])
    shared.PixelValueTransformationSequence = Sequence([values])
    enhanced.SharedFunctionalGroupsSequence = Sequence([shared])
    own = Dataset()
    own.RescaleSlope, own.RescaleIntercept, own.RescaleType = "0.5", "10", "HU"
    second = Dataset()
    second.PixelValueTransformationSequence = Sequence([own])
    enhanced.PerFrameFunctionalGroupsSequence = Sequence([Dataset(), second])
    save("functional_groups", enhanced, (1, 2))

    j2k = imagecodecs.jpeg2k_encode(unsigned, codecformat="J2K", reversible=True)
    unreadable("jpeg_2000", compressed(unsigned, [j2k], JPEG2000Lossless, 12))
    colour = dataset(unsigned, PhotometricInterpretation="RGB", SamplesPerPixel=3, PlanarConfiguration=0)
    colour.PixelData = bytes(ROWS * COLUMNS * 6)
    unreadable("colour", colour)
    unreadable("magnetic_resonance", dataset(signed, Modality="MR"))
    unreadable("localizer", dataset(signed, ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"]))
    unreadable("zero_spacing", dataset(signed, PixelSpacing=["0", "0.75"]))
    short = dataset(signed)
    short.PixelData = short.PixelData[: ROWS * COLUMNS]
    unreadable("short_pixel_data", short)
    whole = (GOLDEN / "dicom" / "implicit.dcm").read_bytes()
    (GOLDEN / "dicom" / "truncated.dcm").write_bytes(whole[: len(whole) - 100])


def real(folder):
    lines = []
    for path in sorted(pathlib.Path(folder).glob("*.dcm")):
        hu = hounsfield(path)
        digest = hashlib.sha256(hu.astype("<f4").tobytes()).hexdigest()
        ds = pydicom.dcmread(path, stop_before_pixels=True)
        lines.append(f"{path.name} {hu.shape[1]} {hu.shape[0]} {spacing(ds)} {digest}")
    (GOLDEN / "dicom_real.txt").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--real", help="folder with DICOM files")
    arguments = parser.parse_args()
    real(arguments.real) if arguments.real else synthetic()
