//! The integer engine on a quantised ONNX file, asked by `peers.py` line by line:
//! `cargo run --release -p recist-trainer --example engine_peer -- FILE.int8.onnx`.
//!
//! Begins with `work MULTIPLY_ACCUMULATES WORKSPACE_BYTES` and, for each kernel that runs here, `kernel NAME
//! PEAK_GMAC_PER_SECOND` (0 where no peak is known). Then `time NAME RUNS` is answered with the milliseconds of
//! each run, and `answer NAME INPUT OUTPUT` reads and writes raw float32 files and is answered with each
//! output's scale.

mod peak;

use std::error::Error;
use std::io::{Write, stdin, stdout};
use std::time::Instant;

use recist::bundle::AlignedBytes;
use recist::engine::{Kernel, Plan, compile};
use recist::onnx::lower;

fn main() -> Result<(), Box<dyn Error>> {
    let file = std::env::args().nth(1).ok_or("usage: engine_peer FILE.int8.onnx")?;
    let network = lower(&std::fs::read(file)?)?;
    let bytes = AlignedBytes::copy_of(&compile(&network)?);
    let plan = Plan::open(bytes.as_slice())?;
    println!("work {} {}", network.multiply_accumulates(), plan.workspace_bytes());
    for kernel in Kernel::ALL.into_iter().filter(|kernel| kernel.runs_here()) {
        println!("kernel {kernel} {}", peak::of(kernel));
    }
    println!();

    let mut workspace = vec![0; plan.workspace_bytes()];
    let inputs: usize = plan.inputs().map(|port| port.values()).sum();
    let mut outputs: Vec<_> = plan.outputs().map(|port| vec![0.0; port.values()]).collect();
    for line in stdin().lines() {
        let line = line?;
        let words: Vec<_> = line.split_whitespace().collect();
        let mut slices: Vec<_> = outputs.iter_mut().map(Vec::as_mut_slice).collect();
        match words[..] {
            ["time", kernel, runs] => {
                let (kernel, input) = (kernel.parse()?, vec![0.5; inputs]);
                for _ in 0..runs.parse()? {
                    let start = Instant::now();
                    plan.run(&mut workspace, &[&input], &mut slices, kernel).map_err(|e| e.to_string())?;
                    print!("{} ", start.elapsed().as_secs_f64() * 1e3);
                }
                println!();
            }
            ["answer", kernel, input, output] => {
                let input: Vec<f32> = std::fs::read(input)?
                    .as_chunks::<4>()
                    .0
                    .iter()
                    .map(|value| f32::from_le_bytes(*value))
                    .collect();
                plan.run(&mut workspace, &[&input], &mut slices, kernel.parse()?)
                    .map_err(|e| e.to_string())?;
                let values = outputs.iter().flatten().flat_map(|value| value.to_le_bytes());
                std::fs::write(output, values.collect::<Vec<u8>>())?;
                plan.outputs().for_each(|port| print!("{} ", port.scale));
                println!();
            }
            _ => return Err(format!("unknown command: {line}").into()),
        }
        stdout().flush()?;
    }
    Ok(())
}
