//! How DICOM writes data sets and pictures: the transfer syntaxes, which of them are read, and their names.

/// How the elements of a data set are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Elements {
    ImplicitLittleEndian,
    ExplicitLittleEndian,
    ExplicitBigEndian,
    /// Explicit and little endian, all of it deflated.
    Deflated,
}

/// How the pictures of PixelData are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pictures {
    Native,
    RunLength,
    Jpeg,
}

pub(super) struct TransferSyntax {
    pub(super) uid: &'static str,
    pub(super) name: &'static str,
    pub(super) elements: Elements,
    /// None if they are not read.
    pub(super) pictures: Option<Pictures>,
}

/// Read with 8 bits, not with 12: no decoder in Rust takes them.
pub(super) const JPEG_EXTENDED: &str = "1.2.840.10008.1.2.4.51";

const ALL: [TransferSyntax; 12] = [
    TransferSyntax {
        uid: "1.2.840.10008.1.2",
        name: "Implicit VR Little Endian",
        elements: Elements::ImplicitLittleEndian,
        pictures: Some(Pictures::Native),
    },
    TransferSyntax {
        uid: "1.2.840.10008.1.2.1",
        name: "Explicit VR Little Endian",
        elements: Elements::ExplicitLittleEndian,
        pictures: Some(Pictures::Native),
    },
    TransferSyntax {
        uid: "1.2.840.10008.1.2.1.99",
        name: "Deflated Explicit VR Little Endian",
        elements: Elements::Deflated,
        pictures: Some(Pictures::Native),
    },
    TransferSyntax {
        uid: "1.2.840.10008.1.2.2",
        name: "Explicit VR Big Endian",
        elements: Elements::ExplicitBigEndian,
        pictures: Some(Pictures::Native),
    },
    encapsulated("1.2.840.10008.1.2.5", "RLE Lossless", Some(Pictures::RunLength)),
    encapsulated("1.2.840.10008.1.2.4.50", "JPEG Baseline", Some(Pictures::Jpeg)),
    encapsulated(JPEG_EXTENDED, "JPEG Extended", Some(Pictures::Jpeg)),
    encapsulated("1.2.840.10008.1.2.4.57", "JPEG Lossless", Some(Pictures::Jpeg)),
    encapsulated("1.2.840.10008.1.2.4.70", "JPEG Lossless, first-order prediction", Some(Pictures::Jpeg)),
    encapsulated("1.2.840.10008.1.2.4.80", "JPEG-LS Lossless", None),
    encapsulated("1.2.840.10008.1.2.4.90", "JPEG 2000 Lossless", None),
    encapsulated("1.2.840.10008.1.2.4.91", "JPEG 2000", None),
];

const fn encapsulated(uid: &'static str, name: &'static str, pictures: Option<Pictures>) -> TransferSyntax {
    TransferSyntax { uid, name, elements: Elements::ExplicitLittleEndian, pictures }
}

impl TransferSyntax {
    /// The one with this unique identifier, if it is known.
    pub(super) fn find(uid: &str) -> Option<&'static Self> {
        ALL.iter().find(|syntax| syntax.uid == uid)
    }
}
