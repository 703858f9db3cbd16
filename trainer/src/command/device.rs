use std::error::Error;

use recist_trainer::autodiff::{self, Device};

/// What a subcommand does on the device that the user chose.
pub(crate) trait Job {
    /// Does it.
    fn run<D: Device<f32>>(self, device: &D) -> Result<(), Box<dyn Error>>;
}

/// Does a job on the device called `cpu` or `cuda`; on the latter, `tf32` lets matrix products round.
pub(crate) fn run_on(device: &str, tf32: bool, job: impl Job) -> Result<(), Box<dyn Error>> {
    match device {
        "cpu" if tf32 => Err("--tf32 is for --device cuda".into()),
        "cpu" => job.run(&autodiff::cpu()),
        "cuda" => on_cuda(tf32, job),
        other => Err(format!("{other:?} is no device: cpu or cuda").into()),
    }
}

#[cfg(feature = "cuda")]
fn on_cuda(tf32: bool, job: impl Job) -> Result<(), Box<dyn Error>> {
    use autodiff::Precision;
    job.run(&autodiff::cuda(if tf32 { Precision::TensorFloat32 } else { Precision::Float32 })?)
}

#[cfg(not(feature = "cuda"))]
fn on_cuda(_tf32: bool, _job: impl Job) -> Result<(), Box<dyn Error>> {
    Err("this program was built without CUDA; `ci/cuda.sh` builds one with it".into())
}
