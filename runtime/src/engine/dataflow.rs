//! What a step reads, a step before it has written, and nothing since has written over it: what comes out does not
//! depend on what the workspace held before.

use super::plan::{NONE, Plan, PlanError};

/// The most steps, inputs and outputs: each is compared with the steps before it.
const MOST: usize = 1 << 12;

/// Checks a plan whose steps and tensors each have been checked.
pub(super) fn check(plan: &Plan<'_>) -> Result<(), PlanError> {
    for (found, table) in
        [(plan.steps.len(), "steps"), (plan.inputs.len(), "inputs"), (plan.outputs.len(), "outputs")]
    {
        if found > MOST {
            return Err(PlanError::TooMany { table, found, most: MOST });
        }
    }
    let records = |tensor: u32| &plan.tensors[tensor as usize];
    for (i, &tensor) in plan.inputs.iter().enumerate() {
        if plan.inputs[..i].iter().any(|&before| records(before).overlaps(records(tensor))) {
            let (tensor, reason) = (tensor as usize, "is an input in the place of another");
            return Err(PlanError::Tensor { tensor, reason });
        }
    }
    for (step, record) in plan.steps.iter().enumerate() {
        for tensor in [record.input, record.second].into_iter().filter(|&tensor| tensor != NONE) {
            stands(plan, tensor, step).map_err(|reason| PlanError::Step { step, reason })?;
        }
    }
    for &tensor in plan.outputs {
        stands(plan, tensor, plan.steps.len()).map_err(|_| {
            let (tensor, reason) = (tensor as usize, "is given out and does not stand there at the end");
            PlanError::Tensor { tensor, reason }
        })?;
    }
    Ok(())
}

/// Whether a tensor lies whole where it should, halo and all, when `step` begins.
fn stands(plan: &Plan<'_>, tensor: u32, step: usize) -> Result<(), &'static str> {
    let record = &plan.tensors[tensor as usize];
    for before in plan.steps[..step].iter().rev() {
        if before.output == tensor {
            return Ok(());
        }
        if plan.tensors[before.output as usize].overlaps(record) {
            return Err("reads a tensor that was written over");
        }
    }
    if plan.inputs.contains(&tensor) { Ok(()) } else { Err("reads a tensor that nothing has written") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bundle::{AlignedBytes, Bundle};

    const EDGE: &[u8] = include_bytes!("../../../models/edge.recist");

    fn with_plans(test: impl Fn(Plan<'_>)) {
        let bytes = AlignedBytes::copy_of(EDGE);
        let bundle = Bundle::open(bytes.as_slice()).unwrap();
        for plan in [bundle.localization(), bundle.hourglass()] {
            let plan = Plan::open(plan).unwrap();
            assert_eq!(check(&plan), Ok(()), "the control");
            test(plan);
        }
    }

    #[test]
    fn a_plan_without_one_of_its_steps_is_refused() {
        with_plans(|plan| {
            for missing in 0..plan.steps.len() {
                let steps = [&plan.steps[..missing], &plan.steps[missing + 1..]].concat();
                let error = check(&Plan { steps: &steps, ..plan }).unwrap_err();
                assert!(matches!(error, PlanError::Step { .. } | PlanError::Tensor { .. }), "{error}");
            }
        });
    }

    #[test]
    fn steps_in_another_order_are_refused_if_one_reads_what_the_other_writes() {
        with_plans(|plan| {
            for first in 0..plan.steps.len() - 1 {
                let mut steps = plan.steps.to_vec();
                steps.swap(first, first + 1);
                let [now, before] = [steps[first], steps[first + 1]];
                if [now.input, now.second].contains(&before.output) {
                    assert!(check(&Plan { steps: &steps, ..plan }).is_err(), "step {first}");
                }
            }
        });
    }

    #[test]
    fn a_tensor_in_the_place_of_one_that_is_still_read_is_refused() {
        with_plans(|plan| {
            let mut refused = 0;
            for step in 1..plan.steps.len() {
                // Over what the step behind reads as its second input, which was written before.
                let (here, second) = (plan.steps[step - 1].output, plan.steps[step].second);
                if second == NONE || second == here {
                    continue;
                }
                let mut tensors = plan.tensors.to_vec();
                tensors[here as usize].offset = tensors[second as usize].offset;
                let error = check(&Plan { tensors: &tensors, ..plan }).unwrap_err();
                assert!(error.to_string().contains("reads a tensor that was written over"), "{error}");
                refused += 1;
            }
            assert!(refused > 3, "{refused}");
        });
    }

    #[test]
    fn inputs_in_one_place_and_more_steps_than_are_compared_are_refused() {
        with_plans(|plan| {
            let inputs = [plan.inputs[0]; 2];
            let error = check(&Plan { inputs: &inputs, ..plan }).unwrap_err().to_string();
            assert!(error.contains("is an input in the place of another"), "{error}");
            let steps: Vec<_> = plan.steps.iter().copied().cycle().take(MOST + 1).collect();
            let error = check(&Plan { steps: &steps, ..plan }).unwrap_err().to_string();
            assert_eq!(error, "plan has 4097 steps, at most 4096 are expected");
        });
    }
}
