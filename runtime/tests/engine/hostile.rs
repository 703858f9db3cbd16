use recist::engine::{CompileError, Kernel, Operator, Plan, PlanError, RunError, Shape, TensorId, compile};

use crate::networks::{pyramid, small, stacked_hourglass};
use crate::same_bits::run_over;
use crate::seal::{COVERED, seal};
use crate::{Aligned, Random, share};

#[test]
fn a_hundred_thousand_mutated_plans_end_in_an_error_or_a_run() {
    let mut random = Random(6);
    let plans: Vec<_> = (0..if cfg!(miri) { 10 } else { 40 })
        .map(|i| match i {
            // Interpreted, whole networks would take an hour.
            0 if !cfg!(miri) => compile(&stacked_hourglass(&mut random, 16, 16)).unwrap(),
            1 if !cfg!(miri) => compile(&pyramid(&mut random, 32)).unwrap(),
            _ => compile(&small(&mut random)).unwrap(),
        })
        .collect();
    let (mut opened, mut ran) = (0, 0);
    for i in 0..100_000 / share() {
        let whole = &plans[i % plans.len()];
        let mut bytes = whole.clone();
        let tables = whole.len().min(COVERED + 64 * 24);
        for _ in 0..=random.below(3) {
            let at = 24 + random.below(tables - 24);
            let value = random.one_of(&[0, 1, 2, 15, 16, 63, 64, 127, 128, 255]);
            match random.below(3) {
                0 => bytes[at] = value,
                1 => bytes[at] ^= 1 << random.below(8),
                _ => bytes[at / 4 * 4..][..4].copy_from_slice(&u32::from(value).to_le_bytes()),
            }
        }
        seal(&mut bytes);
        let aligned = Aligned::new(&bytes);
        let Ok(plan) = Plan::open(aligned.bytes()) else { continue };
        let values: usize = plan.inputs().chain(plan.outputs()).map(|p| p.values()).sum();
        opened += 1;
        // Running every one of them would take a minute, interpreted a day.
        let most = if cfg!(miri) { 1 << 14 } else { 1 << 20 };
        if plan.workspace_bytes() > most || values > most || i % 5 != 0 {
            continue;
        }
        let inputs: Vec<_> = plan.inputs().map(|p| vec![0.5; p.values()]).collect();
        let bits = |before, kernel| -> Vec<u32> {
            let outputs = run_over(before, &plan, &inputs, kernel);
            outputs.into_iter().flatten().map(f32::to_bits).collect()
        };
        let scalar = bits(0, Kernel::Scalar);
        assert!(bits(0xFF, Kernel::best()) == scalar, "another kernel in another workspace: other bits");
        ran += 1;
    }
    println!("{opened} mutated plans passed validation, {ran} of them ran");
    assert!(ran > 1000 / share(), "the mutations reach past validation: {ran}");
}

#[test]
fn each_kind_of_bad_plan_has_its_message() {
    let whole = compile(&small(&mut Random(7))).unwrap();
    let changed = |at: usize, value: u8| {
        let mut bytes = whole.clone();
        bytes[at] = value;
        bytes
    };
    let cases = [
        (vec![], "not a plan: the magic is missing".to_owned()),
        (whole[..40].to_vec(), "plan has 40 bytes where 64 are expected".to_owned()),
        (changed(8, 9), "plan has format version 9, this engine reads version 1".to_owned()),
        (
            whole[..whole.len() - 1].to_vec(),
            format!("plan has {} bytes where {}", whole.len() - 1, whole.len()),
        ),
        (changed(100, 0xEE), "plan is damaged: its checksum does not match its contents".to_owned()),
    ];
    for (bytes, message) in cases {
        let aligned = Aligned::new(&bytes);
        let error = Plan::open(aligned.bytes()).unwrap_err().to_string();
        assert!(error.starts_with(&message), "{error}");
    }
    let aligned = Aligned::new(&[&[0], &whole[..]].concat());
    assert_eq!(Plan::open(&aligned.bytes()[1..]).unwrap_err(), PlanError::Misaligned);
}

#[test]
fn buffers_of_a_wrong_size_are_refused() {
    let network = small(&mut Random(8));
    let plan = Aligned::new(&compile(&network).unwrap());
    let plan = Plan::open(plan.bytes()).unwrap();
    let needed = plan.workspace_bytes();
    let input: Vec<f32> = vec![0.0; plan.inputs().next().unwrap().values()];
    let mut outputs: Vec<_> = plan.outputs().map(|p| vec![0.0; p.values()]).collect();
    let mut outputs: Vec<_> = outputs.iter_mut().map(Vec::as_mut_slice).collect();
    let mut run = |workspace: usize, inputs: &[&[f32]], kernel| {
        plan.run(&mut vec![0; workspace], inputs, &mut outputs, kernel)
    };
    let short = RunError::Workspace { found: needed - 1, needed };
    assert_eq!(run(needed - 1, &[&input], Kernel::Scalar), Err(short));
    assert_eq!(run(needed, &[], Kernel::Scalar), Err(RunError::Ports { found: 0, needed: 1 }));
    let values = RunError::Values { port: 0, found: 1, needed: input.len() };
    assert_eq!(run(needed, &[&[0.0]], Kernel::Scalar), Err(values));
    for kernel in Kernel::ALL.into_iter().filter(|k| !k.runs_here()) {
        assert_eq!(run(needed, &[&input], kernel), Err(RunError::Kernel { kernel }));
    }
    assert_eq!(run(needed, &[&input], Kernel::Scalar), Ok(()));
}

#[test]
fn networks_that_cannot_be_planned_are_refused_by_operator() {
    let mut network = small(&mut Random(9));
    let Some(Operator::Convolution(convolution)) = network.operators.first_mut() else { panic!() };
    convolution.weights.pop();
    let error = compile(&network).unwrap_err();
    assert!(
        matches!(&error, CompileError::Operator { operator: 0, reason } if reason.contains("weights")),
        "{error}"
    );
    let mut network = small(&mut Random(9));
    network.operators.reverse();
    let error = compile(&network).unwrap_err().to_string();
    assert!(error.contains("is not made before it is read"), "{error}");
}

#[test]
fn sizes_beyond_a_plan_are_refused_before_anything_is_laid_out() {
    let network = small(&mut Random(9));
    assert!(compile(&network).is_ok(), "control: the network is small");
    for shape in
        [[1, usize::MAX / 2, usize::MAX / 2], [usize::MAX, 1, 1], [1 << 31, 1 << 31, 1 << 10], [1, 0, 1]]
    {
        let [channels, height, width] = shape;
        let mut network = network.clone();
        network.tensors[0].shape = Shape { channels, height, width };
        let error = compile(&network).unwrap_err().to_string();
        assert_eq!(error, "plan's tensor 0 has a size that cannot be", "{shape:?}");
    }
    let huge = usize::MAX / 2;
    for (kernel, stride, padding, of) in
        [(huge, 1, 0, "kernel"), (1, huge, 0, "stride"), (1, 0, 0, "stride"), (1, 1, huge, "padding")]
    {
        let mut network = network.clone();
        let Some(Operator::Convolution(c)) = network.operators.first_mut() else { panic!() };
        (c.kernel, c.stride, c.padding) = (kernel, stride, padding);
        let error = compile(&network).unwrap_err().to_string();
        assert_eq!(error, format!("operator 0: has a {of} that cannot be"));
    }
    let mut large = network;
    large.tensors[0].shape = Shape { channels: 16384, height: 16384, width: 16384 };
    assert_eq!(compile(&large).unwrap_err(), CompileError::TooLarge);
}

#[test]
fn inputs_and_outputs_that_are_no_tensors_of_their_own_are_refused() {
    let network = small(&mut Random(9));
    assert!(compile(&network).is_ok(), "control");
    for (inputs, output, message) in [
        (&[0, 0][..], None, "tensor 0 is an input twice"),
        (&[0, 999], None, "tensor 999 is an input and does not exist"),
        (&[0], Some(999), "tensor 999 is an output and is never made"),
    ] {
        let mut network = network.clone();
        network.inputs = inputs.iter().map(|id| TensorId(*id)).collect();
        network.outputs.extend(output.map(TensorId));
        assert_eq!(compile(&network).unwrap_err().to_string(), message);
    }
}
