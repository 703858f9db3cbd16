//! What an operator with a gradient of its own needs and the published crate keeps to itself.

use std::sync::Arc;

use crate::{
    shapes::{Dtype, Shape},
    tensor::{unique_id, Cpu, CpuError, GhostTensor, Gradients, NoneTape, Storage, Tensor, ZeroFillStorage},
};

/// A device that lends buffers whose contents are left over from earlier use, and moves numbers in and out of them.
/// Where dfdx's own ways panic for want of memory or on a failing device, these give the error.
pub trait Recycle<E>: Storage<E> {
    /// A buffer of `len` elements with unspecified values: the caller overwrites all of them.
    fn recycled(&self, len: usize) -> Result<Self::Vec, Self::Err>;

    /// A copy of a buffer.
    fn copied(&self, buffer: &Self::Vec) -> Result<Self::Vec, Self::Err>;

    /// Overwrites a buffer with numbers of the host.
    ///
    /// # Panics
    /// If it is not as long.
    fn write(&self, numbers: &[E], buffer: &mut Self::Vec) -> Result<(), Self::Err>;

    /// Sets a buffer to zero.
    fn clear(&self, buffer: &mut Self::Vec) -> Result<(), Self::Err>;

    /// A buffer's numbers on the host.
    fn read(&self, buffer: &Self::Vec) -> Result<Vec<E>, Self::Err>;
}

impl<E: Dtype> Recycle<E> for Cpu {
    fn recycled(&self, len: usize) -> Result<Self::Vec, CpuError> {
        match self.cache.try_pop::<E>(len) {
            None => self.try_alloc_len(len),
            // SAFETY: the cache holds what `CachableVec::drop` put there: a vector of exactly `len` elements
            // (its key) of a type of E's size and alignment, given to no one else. Its elements were written
            // when it was first allocated, and every bit pattern is valid for a number E: `Dtype` has no `bool`.
            Some(block) => Ok(crate::tensor::cpu::CachableVec {
                data: unsafe { Vec::from_raw_parts(block.0.cast::<E>(), len, len) },
                cache: self.cache.clone(),
            }),
        }
    }

    fn copied(&self, buffer: &Self::Vec) -> Result<Self::Vec, CpuError> {
        let mut copy = Recycle::<E>::recycled(self, buffer.len())?;
        copy.copy_from_slice(buffer);
        Ok(copy)
    }

    fn write(&self, numbers: &[E], buffer: &mut Self::Vec) -> Result<(), CpuError> {
        buffer.copy_from_slice(numbers);
        Ok(())
    }

    fn clear(&self, buffer: &mut Self::Vec) -> Result<(), CpuError> {
        self.try_fill_with_zeros(buffer)
    }

    fn read(&self, buffer: &Self::Vec) -> Result<Vec<E>, CpuError> {
        Ok(buffer.to_vec())
    }
}

impl<S: Shape, E, D: Storage<E>> Tensor<S, E, D> {
    /// A contiguous tensor over a buffer of the device.
    ///
    /// # Panics
    /// If the buffer is not as long as the shape says.
    pub fn from_buffer(device: &D, shape: S, buffer: D::Vec) -> Self {
        assert_eq!(device.len(&buffer), shape.num_elements(), "buffer length of {shape:?}");
        Self {
            id: unique_id(),
            data: Arc::new(buffer),
            shape,
            strides: shape.strides(),
            device: device.clone(),
            tape: NoneTape,
        }
    }

    /// The buffer for overwriting, where no one else holds it.
    pub fn into_buffer(self) -> Result<D::Vec, Self> {
        let Self { id, data, shape, strides, device, tape } = self;
        Arc::try_unwrap(data).map_err(|data| Self { id, data, shape, strides, device, tape })
    }
}

impl<S: Shape, E, D: Storage<E>, T> Tensor<S, E, D, T> {
    /// The elements, in the order of the strides.
    pub fn buffer(&self) -> &D::Vec {
        &self.data
    }

    /// The elements for writing; copied first where someone else holds them too.
    pub fn buffer_mut(&mut self) -> &mut D::Vec {
        Arc::make_mut(&mut self.data)
    }

    /// Whether the elements lie in the buffer row by row without gaps.
    pub fn is_contiguous(&self) -> bool {
        self.strides == self.shape.strides() && self.device.len(&self.data) == self.shape.num_elements()
    }
}

impl<S: Shape, E, D: Storage<E>> GhostTensor<S, E, D> {
    /// The device that the tensor lies on.
    pub fn device(&self) -> &D {
        &self.dev
    }

    /// The number of elements.
    pub fn len(&self) -> usize {
        self.len
    }
}

impl<E, D: Storage<E>> Gradients<E, D> {
    /// Takes out the gradient that has arrived at a tensor, if any has.
    pub fn take<S: Shape>(&mut self, tensor: &GhostTensor<S, E, D>) -> Option<D::Vec> {
        self.gradient_by_id.remove(&tensor.id)
    }

    /// Puts a gradient in, in place of what was there.
    pub fn put<S: Shape>(&mut self, tensor: &GhostTensor<S, E, D>, gradient: D::Vec) {
        self.gradient_by_id.insert(tensor.id, gradient);
    }

    /// The gradient of a tensor for adding to, zero where none has arrived.
    pub fn of<S: Shape>(&mut self, tensor: &GhostTensor<S, E, D>) -> Result<&mut D::Vec, D::Err> {
        self.get_or_alloc_mut(tensor)
    }
}

#[cfg(feature = "cuda")]
pub use cuda::*;

#[cfg(feature = "cuda")]
mod cuda {
    use std::sync::{Arc, MutexGuard};

    use cudarc::cublas::CudaBlas;
    use cudarc::driver::{CudaDevice, CudaSlice, DeviceSlice};

    use super::Recycle;
    use crate::{
        shapes::Dtype,
        tensor::{cuda::CachableCudaSlice, Cuda, CudaError, ZeroFillStorage},
    };

    impl<E: Dtype> Recycle<E> for Cuda {
        fn recycled(&self, len: usize) -> Result<Self::Vec, CudaError> {
            // SAFETY: every bit pattern is valid for a number, and the caller overwrites them.
            let data = unsafe { self.alloc_empty::<E>(len) }?;
            Ok(CachableCudaSlice { data, cache: self.cache.clone() })
        }

        fn copied(&self, buffer: &Self::Vec) -> Result<Self::Vec, CudaError> {
            let mut copy = Recycle::<E>::recycled(self, buffer.data.len())?;
            self.dev.dtod_copy(&buffer.data, &mut copy.data)?;
            Ok(copy)
        }

        fn write(&self, numbers: &[E], buffer: &mut Self::Vec) -> Result<(), CudaError> {
            Ok(self.dev.htod_sync_copy_into(numbers, &mut buffer.data)?)
        }

        fn clear(&self, buffer: &mut Self::Vec) -> Result<(), CudaError> {
            self.try_fill_with_zeros(buffer)
        }

        fn read(&self, buffer: &Self::Vec) -> Result<Vec<E>, CudaError> {
            Ok(self.dev.dtoh_sync_copy(&buffer.data)?)
        }
    }

    impl Cuda {
        /// The driver's device, on whose null stream everything runs in order.
        pub fn driver(&self) -> &Arc<CudaDevice> {
            &self.dev
        }

        /// The library for matrix products, on the same stream.
        pub fn blas(&self) -> &CudaBlas {
            &self.blas
        }

        /// Memory for intermediate results of one operator, of at least this many bytes, contents unspecified.
        pub fn scratch(&self, bytes: usize) -> Result<MutexGuard<'_, CudaSlice<u8>>, CudaError> {
            // SAFETY: every bit pattern is valid for a byte.
            unsafe { self.get_workspace::<u8>(bytes) }
        }
    }
}
