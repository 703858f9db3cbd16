//! Copies the source of the published dfdx 0.13.0 into the build folder, in a form that `src/lib.rs` includes,
//! and with feature `cuda` compiles its kernels.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

const VERSION: &str = "0.13.0";

/// What `src/open.rs` reaches for and cannot, and what is mended: the file, the line as published, what is compiled
/// in its place.
const OPENED: [(&str, &str, &str); 6] = [
    (
        "tensor/gradients.rs",
        "    gradient_by_id: BTreeMap<UniqueId, D::Vec>,",
        "    pub(crate) gradient_by_id: BTreeMap<UniqueId, D::Vec>,",
    ),
    (
        "tensor/cuda/mod.rs",
        "pub use device::{Cuda, CudaError};",
        "pub use device::{CachableCudaSlice, Cuda, CudaError};",
    ),
    ("tensor/mod.rs", "pub(crate) use ghost::GhostTensor;", "pub use ghost::GhostTensor;"),
    // Between the look (read lock) and the taking (write lock) another thread can take the last buffer.
    (
        "tensor/cache.rs",
        "            let items = cache.get_mut(&key).unwrap();",
        "            let items = cache.get_mut(&key)?;",
    ),
    // Memory that the cache holds in buffers of other sizes is not lacking.
    (
        "tensor/cuda/device.rs",
        "            || self.dev.alloc::<E>(len),",
        "            || {
                self.dev.alloc::<E>(len).or_else(|error| {
                    self.try_empty_cache().map_err(|_| error)?;
                    self.dev.alloc::<E>(len)
                })
            },",
    ),
    // The old workspace goes before the new one comes, which may then take what the cache holds.
    (
        "tensor/cuda/device.rs",
        "            *workspace = unsafe { self.dev.alloc::<u8>(num_bytes_required) }?;",
        "            *workspace = self.dev.null()?;
            *workspace = unsafe { self.alloc_empty::<u8>(num_bytes_required) }?;",
    ),
];

type Result<T> = std::result::Result<T, String>;

fn main() -> ExitCode {
    println!("cargo:rerun-if-changed=build.rs");
    match build() {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            println!("cargo:error=dfdx-open: {message}");
            ExitCode::FAILURE
        }
    }
}

fn build() -> Result<()> {
    let source = published_source()?;
    let out = PathBuf::from(variable("OUT_DIR")?);
    let copy = out.join("dfdx");
    if copy.exists() {
        fs::remove_dir_all(&copy).map_err(|e| format!("{}: {e}", copy.display()))?;
    }
    copy_folder(&source, &copy)?;
    strip_crate_attributes(&copy.join("lib.rs"))?;
    for (file, closed, open) in OPENED {
        open_up(&copy.join(file), closed, open)?;
    }
    if env::var_os("CARGO_FEATURE_CUDA").is_some() {
        compile_kernels(&copy, &out)?;
    }
    Ok(())
}

fn variable(name: &str) -> Result<String> {
    env::var(name).map_err(|e| format!("{name}: {e}"))
}

/// Where cargo keeps the source of the pinned dfdx: the registry, or a vendored folder.
///
/// Asks cargo without the network first; only where some other package of the workspace has never been
/// fetched does that fail, and cargo may fetch it.
fn published_source() -> Result<PathBuf> {
    let metadata = cargo_metadata(&["--offline"]).or_else(|_| cargo_metadata(&[]))?;
    metadata["packages"]
        .as_array()
        .into_iter()
        .flatten()
        .find(|p| p["name"] == "dfdx" && p["version"] == VERSION)
        .and_then(|p| Path::new(p["manifest_path"].as_str()?).parent())
        .map(|folder| folder.join("src"))
        .ok_or_else(|| format!("dfdx {VERSION} is not among the packages of cargo metadata"))
}

fn cargo_metadata(network: &[&str]) -> Result<serde_json::Value> {
    let output = Command::new(variable("CARGO")?)
        .args(["metadata", "--format-version=1", "--filter-platform"])
        .arg(variable("HOST")?)
        .args(network)
        .current_dir(variable("CARGO_MANIFEST_DIR")?)
        .output()
        .map_err(|e| format!("cargo metadata: {e}"))?;
    if !output.status.success() {
        return Err(format!("cargo metadata: {}", String::from_utf8_lossy(&output.stderr)));
    }
    serde_json::from_slice(&output.stdout).map_err(|e| format!("cargo metadata: {e}"))
}

fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    let context = |e: std::io::Error| format!("{}: {e}", from.display());
    fs::create_dir_all(to).map_err(context)?;
    for entry in fs::read_dir(from).map_err(context)? {
        let entry = entry.map_err(context)?;
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_folder(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target).map_err(context)?;
        }
    }
    Ok(())
}

/// Drops the lines that cannot stand in an included file: the crate's docs and attributes.
fn strip_crate_attributes(file: &Path) -> Result<()> {
    let lines = read_lines(file)?;
    for expected in ["pub mod dtypes;", "pub mod shapes;", "pub mod tensor;", "pub mod tensor_ops;"] {
        position(file, &lines, expected)?;
    }
    let kept = lines.into_iter().filter(|line| !line.starts_with("//!") && !line.starts_with("#!["));
    write_lines(file, kept)
}

/// Replaces the line `closed`.
fn open_up(file: &Path, closed: &str, open: &str) -> Result<()> {
    let mut lines = read_lines(file)?;
    let at = position(file, &lines, closed)?;
    lines[at] = open.to_owned();
    write_lines(file, lines.into_iter())
}

fn position(file: &Path, lines: &[String], expected: &str) -> Result<usize> {
    lines
        .iter()
        .position(|line| line == expected)
        .ok_or_else(|| format!("{}: no line {expected:?}, is this dfdx {VERSION}?", file.display()))
}

fn read_lines(file: &Path) -> Result<Vec<String>> {
    let text = fs::read_to_string(file).map_err(|e| format!("{}: {e}", file.display()))?;
    Ok(text.lines().map(str::to_owned).collect())
}

fn write_lines(file: &Path, lines: impl Iterator<Item = String>) -> Result<()> {
    let text: String = lines.flat_map(|line| [line, "\n".to_owned()]).collect();
    fs::write(file, text).map_err(|e| format!("{}: {e}", file.display()))
}

/// Compiles every kernel to PTX, as dfdx's own build script does, for `CUDA_COMPUTE_CAP` or the GPU at hand.
fn compile_kernels(copy: &Path, out: &Path) -> Result<()> {
    println!("cargo:rerun-if-env-changed=CUDA_PATH");
    println!("cargo:rerun-if-env-changed=CUDA_COMPUTE_CAP");
    let toolkit = env::var_os("CUDA_PATH").map_or_else(|| PathBuf::from("/usr/local/cuda"), PathBuf::from);
    let include = toolkit.join("include");
    if !include.join("cuda.h").is_file() {
        return Err(format!(
            "no CUDA toolkit in {}: set CUDA_PATH to a folder with include/cuda.h and bin/nvcc",
            toolkit.display()
        ));
    }
    let capability = compute_capability()?;
    println!("cargo:rustc-env=CUDA_INCLUDE_DIR={}", include.display());
    println!("cargo:rustc-env=CUDA_COMPUTE_CAP=sm_{capability}");

    let mut kernels = Vec::new();
    collect_kernels(&copy.join("tensor_ops"), out, &mut kernels)?;
    if kernels.is_empty() {
        return Err(format!("no CUDA kernels in {}", copy.display()));
    }
    kernels.sort();
    let jobs = std::thread::available_parallelism().map_or(1, usize::from);
    let nvcc = toolkit.join("bin/nvcc");
    for batch in kernels.chunks(jobs) {
        let running: Vec<_> = batch
            .iter()
            .map(|kernel| {
                Command::new(&nvcc)
                    .arg(format!("--gpu-architecture=sm_{capability}"))
                    .args(["--ptx", "--default-stream=per-thread", "--output-directory"])
                    .args([out, Path::new("-I"), out, Path::new("-I"), &include, kernel])
                    .spawn()
                    .map_err(|e| format!("{}: {e}", nvcc.display()))
            })
            .collect::<Result<_>>()?;
        for (mut process, kernel) in running.into_iter().zip(batch) {
            let status = process.wait().map_err(|e| format!("nvcc: {e}"))?;
            if !status.success() {
                return Err(format!("nvcc could not compile {}", kernel.display()));
            }
        }
    }
    Ok(())
}

/// For example `90`: from the environment, or of the first GPU.
fn compute_capability() -> Result<String> {
    if let Ok(capability) = env::var("CUDA_COMPUTE_CAP") {
        return Ok(capability);
    }
    let advice = "set CUDA_COMPUTE_CAP, for example 90 for an H100";
    let output = Command::new("nvidia-smi")
        .args(["--query-gpu=compute_cap", "--format=csv,noheader"])
        .output()
        .map_err(|e| format!("nvidia-smi: {e}; {advice}"))?;
    let text = String::from_utf8_lossy(&output.stdout).replace('.', "");
    let first = text.lines().next().unwrap_or_default().trim();
    if !output.status.success() || first.is_empty() {
        return Err(format!("nvidia-smi names no GPU; {advice}"));
    }
    Ok(first.to_owned())
}

/// All `.cu` files below `folder`; the headers they share are laid beside the compiled kernels.
fn collect_kernels(folder: &Path, out: &Path, kernels: &mut Vec<PathBuf>) -> Result<()> {
    let context = |e: std::io::Error| format!("{}: {e}", folder.display());
    for entry in fs::read_dir(folder).map_err(context)? {
        let path = entry.map_err(context)?.path();
        match path.extension().and_then(|extension| extension.to_str()) {
            None => collect_kernels(&path, out, kernels)?,
            Some("cu") => kernels.push(path),
            Some("cuh") => {
                fs::copy(&path, out.join(path.file_name().unwrap_or_default())).map_err(context)?;
            }
            Some(_) => {}
        }
    }
    Ok(())
}
