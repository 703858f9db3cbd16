//! With feature `cuda`, compiles the kernels in `src/autodiff/cuda` to PTX for `CUDA_COMPUTE_CAP` (80 if unset),
//! which the driver compiles on for the GPU that it finds.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

const KERNELS: &str = "src/autodiff/cuda";

fn main() -> ExitCode {
    println!("cargo:rerun-if-changed=build.rs");
    if env::var_os("CARGO_FEATURE_CUDA").is_none() {
        return ExitCode::SUCCESS;
    }
    match compile_kernels() {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            println!("cargo:error={message}");
            ExitCode::FAILURE
        }
    }
}

fn compile_kernels() -> Result<(), String> {
    println!("cargo:rerun-if-changed={KERNELS}");
    println!("cargo:rerun-if-env-changed=CUDA_PATH");
    println!("cargo:rerun-if-env-changed=CUDA_COMPUTE_CAP");
    let toolkit = env::var_os("CUDA_PATH").map_or_else(|| PathBuf::from("/usr/local/cuda"), PathBuf::from);
    let nvcc = toolkit.join("bin/nvcc");
    let capability = env::var("CUDA_COMPUTE_CAP").unwrap_or_else(|_| "80".to_owned());
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("no OUT_DIR")?);
    for entry in fs::read_dir(KERNELS).map_err(|error| format!("{KERNELS}: {error}"))? {
        let path = entry.map_err(|error| format!("{KERNELS}: {error}"))?.path();
        if path.extension().is_some_and(|extension| extension == "cu") {
            compile(&nvcc, &capability, &path, &out)?;
        }
    }
    Ok(())
}

fn compile(nvcc: &Path, capability: &str, kernels: &Path, out: &Path) -> Result<(), String> {
    let ptx = out.join(kernels.file_name().unwrap_or_default()).with_extension("ptx");
    let status = Command::new(nvcc)
        .arg(format!("--gpu-architecture=compute_{capability}"))
        .args(["--ptx", "-o"])
        .args([&ptx, kernels])
        .status()
        .map_err(|error| format!("{}: {error}; set CUDA_PATH to a CUDA toolkit", nvcc.display()))?;
    if status.success() { Ok(()) } else { Err(format!("nvcc could not compile {}", kernels.display())) }
}
