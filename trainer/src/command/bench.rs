use std::error::Error;
use std::time::{Duration, Instant};

use recist::image::PATCH_SIZE;
use recist_trainer::autodiff::{Device, Trial};
use recist_trainer::network::Network;

use super::Run;
use super::device::{Job, run_on};

/// Time a training pass, forward and backward, of both networks joined by the sampler.
#[derive(argh::FromArgs)]
#[argh(subcommand, name = "bench")]
pub(crate) struct Bench {
    /// a preset (paper, edge) or a network file
    #[argh(positional)]
    network: String,
    /// cpu (default) or cuda
    #[argh(option, default = "String::from(\"cpu\")")]
    device: String,
    /// on CUDA, let matrix products round their factors to 10 bits: several times as fast
    #[argh(switch)]
    tf32: bool,
    /// patches in a pass, 8 by default
    #[argh(option, default = "8")]
    batch: usize,
    /// threads on a CPU, all by default
    #[argh(option, default = "0")]
    threads: usize,
    /// how long to go on, 5 by default
    #[argh(option, default = "5.0")]
    seconds: f64,
}

impl Run for Bench {
    fn run(self) -> Result<(), Box<dyn Error>> {
        super::check_batch(self.batch)?;
        let seconds = Duration::try_from_secs_f64(self.seconds)
            .map_err(|error| format!("{} seconds: {error}", self.seconds))?;
        let network = Network::open(&self.network)?;
        rayon::ThreadPoolBuilder::new().num_threads(self.threads).build_global()?;
        run_on(&self.device, self.tf32, Passes { network, batch: self.batch, seconds })
    }
}

/// Passes one after another, for a time.
struct Passes {
    network: Network,
    batch: usize,
    seconds: Duration,
}

impl Job for Passes {
    fn run<D: Device<f32>>(self, device: &D) -> Result<(), Box<dyn Error>> {
        let mut trial = Trial::<f32, _>::new(&self.network, self.batch, PATCH_SIZE, device)?;
        let mut pass = || -> Result<(), Box<dyn Error>> {
            trial.pass()?;
            device.try_synchronize().map_err(|error| error.into().into())
        };
        // The first pass allocates the buffers that all others find.
        pass()?;
        let (start, mut passes) = (Instant::now(), 0_u32);
        while passes == 0 || start.elapsed() < self.seconds {
            pass()?;
            passes += 1;
        }
        let images = f64::from(passes) * self.batch as f64;
        let rate = images / start.elapsed().as_secs_f64();
        let memory =
            device.memory_in_use().map(|bytes| format!(", {} MiB of device memory taken", bytes >> 20));
        let memory = memory.unwrap_or_default();
        super::say(&format!("{} batch {}: {rate:.2} images/s{memory}\n", self.network.name, self.batch))
    }
}
