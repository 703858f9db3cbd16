//! Bytes of a plan: whatever they are, opening them is an error, or every kernel runs them and gives the same
//! bits.
#![no_main]

#[path = "../../tests/engine/seal.rs"]
mod seal;

use libfuzzer_sys::{Corpus, fuzz_target};
use recist::bundle::AlignedBytes;
use recist::engine::{Kernel, Plan};

/// A plan that works in more than this is opened and not run: fuzzing is about many, not about large ones.
const LARGEST_RUN: usize = 1 << 17;

fuzz_target!(|bytes: &[u8]| -> Corpus {
    // Without the right length and checksum no change would come past the head.
    let mut sealed = bytes.to_vec();
    if let (Ok(length), true) = (u32::try_from(bytes.len()), bytes.len() >= seal::COVERED) {
        sealed[12..16].copy_from_slice(&length.to_le_bytes());
        seal::seal(&mut sealed);
    }
    let sealed = AlignedBytes::copy_of(&sealed);
    let Ok(plan) = Plan::open(sealed.as_slice()) else { return Corpus::Keep };
    let values: usize = plan.inputs().chain(plan.outputs()).map(|port| port.values()).sum();
    if plan.workspace_bytes() > LARGEST_RUN || values > LARGEST_RUN {
        return Corpus::Reject;
    }
    let kernels = Kernel::ALL.into_iter().filter(|kernel| kernel.runs_here());
    let mut answers = kernels.zip(1..).map(|(kernel, before)| run(&plan, kernel, before));
    let scalar = answers.next();
    assert!(answers.all(|answer| Some(answer) == scalar), "kernels differ, or what the workspace held matters");
    Corpus::Keep
});

/// The bits of all outputs, in a workspace full of `before`.
fn run(plan: &Plan<'_>, kernel: Kernel, before: u8) -> Vec<u32> {
    let inputs: Vec<_> = plan.inputs().map(|port| vec![0.5; port.values()]).collect();
    let inputs: Vec<_> = inputs.iter().map(Vec::as_slice).collect();
    let mut outputs: Vec<_> = plan.outputs().map(|port| vec![0.0; port.values()]).collect();
    let mut slices: Vec<_> = outputs.iter_mut().map(Vec::as_mut_slice).collect();
    let mut workspace = vec![before; plan.workspace_bytes()];
    plan.run(&mut workspace, &inputs, &mut slices, kernel).expect("every buffer has its size");
    outputs.into_iter().flatten().map(f32::to_bits).collect()
}
