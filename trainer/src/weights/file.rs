use std::collections::HashMap;
use std::fs;
use std::path::Path;

use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use sha2::{Digest, Sha256};

use super::{Tensor, Weights, WeightsError};

/// The key of the metadata under which a file states [`Weights::sha256`]. Files of others have none.
const SHA256: &str = "tensors_sha256";

impl Weights {
    /// Reads a safetensors file with 32-bit floats. Where it states the SHA-256 of its tensors, as those do that
    /// [`Self::write`] has written, they must have it.
    ///
    /// PyTorch's counters `num_batches_tracked` are passed over: nothing depends on them.
    ///
    /// # Errors
    /// If the file cannot be read, is no safetensors file or a damaged one, or holds numbers of another type.
    pub fn read(path: &Path) -> Result<Self, WeightsError> {
        let bytes = fs::read(path).map_err(|source| WeightsError::File { path: path.to_owned(), source })?;
        let format = |reason: String| WeightsError::Format { path: path.to_owned(), reason };
        let file = SafeTensors::deserialize(&bytes).map_err(|error| format(error.to_string()))?;
        let mut weights = Self::default();
        for (name, view) in file.iter().filter(|(name, _)| !name.ends_with("num_batches_tracked")) {
            if view.dtype() != Dtype::F32 {
                let found = format!("{:?}", view.dtype());
                return Err(WeightsError::Type { name: name.to_owned(), found });
            }
            let (numbers, _) = view.data().as_chunks::<4>();
            let values = numbers.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect();
            let tensor = Tensor::new(view.shape().to_vec(), values)
                .ok_or_else(|| format(format!("tensor {name} is not as long as its shape")))?;
            weights.insert(name, tensor);
        }
        let (_, header) = SafeTensors::read_metadata(&bytes).map_err(|error| format(error.to_string()))?;
        let stated = header.metadata().as_ref().and_then(|metadata| metadata.get(SHA256));
        if stated.is_some_and(|stated| *stated != weights.sha256()) {
            return Err(WeightsError::Damaged { path: path.to_owned() });
        }
        Ok(weights)
    }

    /// Writes a safetensors file: the same bytes for the same weights, and never half a file, as it is written
    /// beside its place and then renamed.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), WeightsError> {
        let bytes: Vec<(&str, &[usize], Vec<u8>)> = self
            .iter()
            .map(|(name, tensor)| {
                let bytes = tensor.values().iter().flat_map(|value| value.to_le_bytes()).collect();
                (name, tensor.shape(), bytes)
            })
            .collect();
        let views = bytes.iter().map(|(name, shape, bytes)| {
            let view = TensorView::new(Dtype::F32, shape.to_vec(), bytes)
                .expect("a tensor has as many numbers as its shape says");
            (*name, view)
        });
        // One entry: of several the order would be another one in every file.
        let metadata = HashMap::from([(SHA256.to_owned(), self.sha256())]);
        let text = safetensors::serialize(views, Some(metadata))
            .map_err(|error| WeightsError::Format { path: path.to_owned(), reason: error.to_string() })?;
        crate::replace(path, &text).map_err(|source| WeightsError::File { path: path.to_owned(), source })
    }

    /// The SHA-256 of all names, shapes and numbers, as hexadecimal digits.
    fn sha256(&self) -> String {
        let mut digest = Sha256::new();
        for (name, tensor) in self.iter() {
            digest.update(format!("{name} {:?}\n", tensor.shape()));
            for values in tensor.values().chunks(1 << 12) {
                let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
                digest.update(bytes);
            }
        }
        crate::hexadecimal(&digest.finalize())
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::small_graph;
    use super::*;

    #[test]
    fn a_file_gives_back_the_same_bits() {
        let folder = tempfile::tempdir().unwrap();
        let (path, again) = (folder.path().join("a.safetensors"), folder.path().join("b.safetensors"));
        let mut weights = Weights::initialise(&small_graph(), 7);
        let odd = [f32::MIN_POSITIVE / 4.0, -0.0, f32::INFINITY, 1.0 / 3.0, f32::MAX];
        weights.insert("theta.bias", Tensor::new(vec![5], odd.to_vec()).unwrap());
        weights.write(&path).unwrap();
        let read = Weights::read(&path).unwrap();
        assert_eq!(read, weights);
        let bits = |weights: &Weights| {
            weights.get("theta.bias").unwrap().values().iter().map(|v| v.to_bits()).collect::<Vec<_>>()
        };
        assert_eq!(bits(&read), bits(&weights));
        read.write(&again).unwrap();
        assert_eq!(fs::read(&path).unwrap(), fs::read(&again).unwrap());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "no partial file stays behind");
    }

    #[test]
    fn a_file_that_is_none_of_ours_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.safetensors");
        let missing = Weights::read(&path).unwrap_err();
        assert!(matches!(missing, WeightsError::File { .. }), "{missing}");

        Weights::initialise(&small_graph(), 7).write(&path).unwrap();
        let whole = fs::read(&path).unwrap();
        for length in [0, 7, 100, whole.len() - 1] {
            fs::write(&path, &whole[..length]).unwrap();
            let cut = Weights::read(&path).unwrap_err();
            assert!(matches!(cut, WeightsError::Format { .. }), "{cut}");
        }

        let half = TensorView::new(Dtype::F16, vec![1], &[0, 0]).unwrap();
        let counter = TensorView::new(Dtype::I64, vec![], &[0; 8]).unwrap();
        let file = safetensors::serialize([("bn1.num_batches_tracked", counter)], None).unwrap();
        fs::write(&path, file).unwrap();
        assert_eq!(Weights::read(&path).unwrap(), Weights::default());
        fs::write(&path, safetensors::serialize([("conv1.weight", half)], None).unwrap()).unwrap();
        let found = Weights::read(&path).unwrap_err();
        assert_eq!(found.to_string(), "tensor conv1.weight is of type F16, expected F32");
    }

    #[test]
    fn no_byte_of_a_file_can_change_unseen() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.safetensors");
        let weights = Weights::initialise(&small_graph(), 7);
        weights.write(&path).unwrap();
        let whole = fs::read(&path).unwrap();
        let mut damaged = 0;
        for at in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 1;
            fs::write(&path, bytes).unwrap();
            match Weights::read(&path) {
                // The name of the checksum, or a space behind the header.
                Ok(read) => assert_eq!(read, weights, "byte {at}"),
                Err(error) => damaged += usize::from(matches!(error, WeightsError::Damaged { .. })),
            }
        }
        let tensors: usize = weights.iter().map(|(_, tensor)| 4 * tensor.values().len()).sum();
        assert!(damaged > tensors, "{damaged} of {}", whole.len());
        let told = WeightsError::Damaged { path: path.clone() };
        assert!(told.of_file(&path).starts_with(&format!("{} is damaged: ", path.display())), "{told}");
        fs::write(&path, whole).unwrap();
        assert_eq!(Weights::read(&path).unwrap(), weights, "control");

        let view = TensorView::new(Dtype::F32, vec![1], &[0; 4]).unwrap();
        let metadata = HashMap::from([("format".to_owned(), "pt".to_owned())]);
        fs::write(&path, safetensors::serialize([("fc.bias", view)], Some(metadata)).unwrap()).unwrap();
        assert!(Weights::read(&path).unwrap().get("fc.bias").is_some(), "files of others state none");
    }

    #[test]
    fn a_failed_write_leaves_the_old_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.safetensors");
        fs::create_dir(&path).unwrap();
        let error = Weights::default().write(&path).unwrap_err();
        assert!(matches!(error, WeightsError::File { .. }), "{error}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
