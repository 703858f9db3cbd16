use std::error::Error;

use recist::image::PATCH_SIZE;
use recist_trainer::autodiff::{self, Device, Trial};
use recist_trainer::network::Network;

use super::Run;
use super::device::{Job, run_on};

/// Compare training on a device with the same on the CPU, in 64 and in 32 bits: outputs, statistics and gradients of a
/// pass, outputs at inference, and how two clipped steps of each method change the weights. Each tensor must be as one
/// of the two has it: where a rectifier or a maximum is all but undecided, they themselves differ. The CPU itself is
/// compared with 64 bits alone.
#[derive(argh::FromArgs)]
#[argh(subcommand, name = "compare")]
pub(crate) struct Compare {
    /// a preset (paper, edge) or a network file
    #[argh(positional)]
    network: String,
    /// cuda (default) or cpu
    #[argh(option, default = "String::from(\"cuda\")")]
    device: String,
    /// on CUDA, let matrix products round their factors to 10 bits
    #[argh(switch)]
    tf32: bool,
    /// patches in a pass, 8 by default
    #[argh(option, default = "8")]
    batch: usize,
    /// rows and columns of a patch, 128 by default
    #[argh(option, default = "PATCH_SIZE")]
    size: usize,
    /// the greatest difference that is passed over, as a share of a tensor's length; 0.1 by default: in the presets
    /// so many rectifiers are all but undecided, miniatures on 32 pixels agree to 1e-3
    #[argh(option, default = "0.1")]
    tolerance: f64,
}

/// The most rows and columns of a patch.
const MOST_PIXELS: usize = 1 << 14;

impl Run for Compare {
    fn run(self) -> Result<(), Box<dyn Error>> {
        super::check_batch(self.batch)?;
        if !(self.tolerance >= 0.0 && self.tolerance.is_finite()) {
            return Err(format!("tolerance is {}, not a share from 0 on", self.tolerance).into());
        }
        if self.size > MOST_PIXELS {
            return Err(format!("size is {}: at most {MOST_PIXELS} pixels", self.size).into());
        }
        let network = Network::open(&self.network)?;
        let Self { batch, size, tolerance, .. } = self;
        let on_cpu = self.device == "cpu";
        run_on(&self.device, self.tf32, BesideCpu { network, batch, size, tolerance, on_cpu })
    }
}

/// The same training on a device, and on the CPU in 32 and in 64 bits.
struct BesideCpu {
    network: Network,
    batch: usize,
    size: usize,
    tolerance: f64,
    /// Whether the device is the CPU: then 64 bits are the only reference.
    on_cpu: bool,
}

impl Job for BesideCpu {
    fn run<D: Device<f32>>(self, device: &D) -> Result<(), Box<dyn Error>> {
        let Self { network, batch, size, tolerance, on_cpu } = self;
        let found = Trial::<f32, _>::new(&network, batch, size, device)?.numbers()?;
        let mut references = vec![Trial::<f64, _>::new(&network, batch, size, &autodiff::cpu())?.numbers()?];
        if !on_cpu {
            references.push(Trial::<f32, _>::new(&network, batch, size, &autodiff::cpu())?.numbers()?);
        }
        let mut apart: Vec<(f64, f64, &str)> = found
            .iter()
            .enumerate()
            .map(|(i, (name, found))| {
                let shares = references.iter().map(|reference| difference(found, &reference[i].1));
                let [first, last] = [&references[0], &references[references.len() - 1]];
                let share = shares.reduce(f64::min).unwrap_or(f64::NAN);
                (share, difference(&last[i].1, &first[i].1), name.as_str())
            })
            .collect();
        farthest_first(&mut apart);
        let mut text = format!(
            "{}: {} tensors, the farthest from what the CPU says in 64 or 32 bits (and these from one another):\n",
            network.name,
            apart.len()
        );
        for (share, of_cpu, name) in apart.iter().take(5) {
            text += &format!("{share:9.1e} ({of_cpu:.1e})  {name}\n");
        }
        super::say(&text)?;
        match apart.first() {
            Some((share, _, name)) if share.is_nan() || *share > tolerance => {
                Err(format!("{name} differs by {share:.1e} of its length, more than {tolerance:.0e}").into())
            }
            _ => Ok(()),
        }
    }
}

/// What is not a number is the farthest, whatever its sign: processors make NaN of either.
fn farthest_first(apart: &mut [(f64, f64, &str)]) {
    apart.sort_by(|a, b| b.0.abs().total_cmp(&a.0.abs()));
}

/// The length of the difference of two vectors over the length of the second.
fn difference(found: &[f32], expected: &[f32]) -> f64 {
    let squares = |terms: &mut dyn Iterator<Item = f64>| terms.map(|term| term * term).sum::<f64>().sqrt();
    let mut apart =
        found.iter().zip(expected).map(|(&found, &expected)| f64::from(found) - f64::from(expected));
    squares(&mut apart) / squares(&mut expected.iter().map(|&value| f64::from(value))).max(f64::MIN_POSITIVE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_a_number_is_the_farthest_whatever_its_sign() {
        for nan in [f64::NAN, -f64::NAN] {
            let mut apart = [(0.0, 0.0, "same"), (nan, 0.0, "lost"), (0.5, 0.0, "far")];
            farthest_first(&mut apart);
            assert_eq!(apart.map(|(_, _, name)| name), ["lost", "far", "same"]);
        }
    }
}
