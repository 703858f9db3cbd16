use recist::engine::{Kernel, Network, Operator, Plan, compile};

use crate::networks::{deep, pyramid, small, stacked_hourglass};
use crate::{Aligned, Random, reference, share};

/// A byte that the engine does not write by itself, round and in the workspace before a run.
const CANARY: u8 = 0xA5;

pub(crate) fn kernels() -> Vec<Kernel> {
    let kernels: Vec<_> = Kernel::ALL.into_iter().filter(|k| k.runs_here()).collect();
    println!("kernels here: {}", kernels.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "));
    kernels
}

pub(crate) fn inputs(network: &Network, random: &mut Random) -> Vec<Vec<f32>> {
    let values = |id: &recist::engine::TensorId| {
        let shape = network.tensors[id.0].shape;
        (0..shape.elements()).map(|_| random.unit()).collect()
    };
    network.inputs.iter().map(values).collect()
}

/// Runs a plan in a workspace with canaries at both ends.
pub(crate) fn run(plan: &Plan<'_>, inputs: &[Vec<f32>], kernel: Kernel) -> Vec<Vec<f32>> {
    run_over(CANARY, plan, inputs, kernel)
}

/// As [`run`], in a workspace full of `before`.
pub(crate) fn run_over(before: u8, plan: &Plan<'_>, inputs: &[Vec<f32>], kernel: Kernel) -> Vec<Vec<f32>> {
    const GUARD: usize = 4096;
    let mut memory = vec![CANARY; plan.workspace_bytes() + 2 * GUARD];
    memory[GUARD..][..plan.workspace_bytes()].fill(before);
    let inputs: Vec<_> = inputs.iter().map(Vec::as_slice).collect();
    let mut outputs: Vec<_> = plan.outputs().map(|port| vec![0.0; port.values()]).collect();
    let workspace = &mut memory[GUARD..][..plan.workspace_bytes()];
    let mut slices: Vec<_> = outputs.iter_mut().map(Vec::as_mut_slice).collect();
    plan.run(workspace, &inputs, &mut slices, kernel).unwrap();
    let guards = memory[..GUARD].iter().chain(&memory[GUARD + plan.workspace_bytes()..]);
    assert!(guards.copied().all(|b| b == CANARY), "the engine wrote beyond its workspace");
    outputs
}

fn check(network: &Network, random: &mut Random, kernels: &[Kernel]) {
    let plan = Aligned::new(&compile(network).unwrap());
    let plan = Plan::open(plan.bytes()).unwrap();
    let inputs = inputs(network, random);
    let want = reference::run(network, &inputs);
    for kernel in kernels {
        let got = run(&plan, &inputs, *kernel);
        assert!(got == want, "{kernel} differs from the arithmetic on {:?}", network.operators);
    }
}

#[test]
fn every_kernel_computes_the_written_arithmetic_on_random_operators() {
    let (mut random, kernels) = (Random(1), kernels());
    for _ in 0..3000 / share() {
        let network = small(&mut random);
        check(&network, &mut random, &kernels);
    }
}

#[test]
fn every_kernel_computes_the_written_arithmetic_on_whole_networks() {
    let (mut random, kernels) = (Random(2), kernels());
    for size in [32, 64] {
        let network = stacked_hourglass(&mut random, size, 48);
        check(&network, &mut random, &kernels);
        let network = pyramid(&mut random, size);
        check(&network, &mut random, &kernels);
    }
    let network = deep(&mut random);
    check(&network, &mut random, &kernels);
}

#[test]
fn results_far_beyond_the_numbers_saturate_alike_and_scales_that_leave_int32_are_refused() {
    let (mut random, kernels) = (Random(11), kernels());
    let mut network = stacked_hourglass(&mut random, 32, 16);
    let mut set_scales = |to: f32| {
        for operator in &mut network.operators {
            if let Operator::Convolution(convolution) = operator {
                let [input, output] =
                    [convolution.input, convolution.output].map(|id| network.tensors[id.0].scale);
                convolution.weight_scales.fill(to * output / input);
            }
        }
        network.clone()
    };
    check(&set_scales(0.5), &mut random, &kernels);
    let error = compile(&set_scales(1e6)).unwrap_err().to_string();
    assert!(error.contains("has a scale that takes its sums beyond 2^30"), "{error}");
}

#[test]
fn sums_that_leave_int32_are_refused() {
    let with_bias = |bias: i32| {
        let mut network = small(&mut Random(12));
        for operator in &mut network.operators {
            let Operator::Convolution(convolution) = operator else { continue };
            convolution.bias.fill(bias);
            convolution.weight_scales.fill(1e-12);
        }
        compile(&network).map(drop).map_err(|error| error.to_string())
    };
    assert_eq!(with_bias(1 << 30), Ok(()), "the control");
    for bias in [i32::MAX, i32::MIN] {
        let error = with_bias(bias).unwrap_err();
        assert!(error.contains("int32 does not hold"), "{error}");
    }
}

#[test]
fn a_changed_weight_changes_the_bits() {
    let mut random = Random(3);
    let mut network = stacked_hourglass(&mut random, 32, 32);
    let inputs = inputs(&network, &mut random);
    let want = reference::run(&network, &inputs);
    let Some(Operator::Convolution(first)) = network.operators.first_mut() else { panic!() };
    first.weights[24] = first.weights[24].wrapping_add(64);
    let plan = Aligned::new(&compile(&network).unwrap());
    assert_ne!(run(&Plan::open(plan.bytes()).unwrap(), &inputs, Kernel::Scalar), want);
}

#[test]
fn the_same_network_gives_the_same_plan() {
    let plan = || compile(&pyramid(&mut Random(5), 64)).unwrap();
    assert!(plan() == plan());
}
