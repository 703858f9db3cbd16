use std::collections::HashMap;

use super::Split;

/// The splits of the patients whose rows have been read so far: one each.
#[derive(Debug, Default)]
pub(super) struct Splits {
    /// By patient, with whether a row states it.
    of_patients: HashMap<String, (Split, bool)>,
}

impl Splits {
    /// The split of a row of the patient, which states one or else leaves it to the patient's name.
    ///
    /// # Errors
    /// If it is another than that of the patient's rows before it.
    pub(super) fn agreed(&self, patient: &str, stated: Option<Split>) -> Result<Split, String> {
        let split = stated.unwrap_or_else(|| Split::of_patient(patient));
        match self.of_patients.get(patient) {
            Some(&(before, is_stated)) if before != split => Err(if is_stated && stated.is_some() {
                format!("patient {patient} is in the splits {before} and {split}")
            } else {
                let (told, chosen) = if is_stated { (before, split) } else { (split, before) };
                format!(
                    "patient {patient} is in the split {told} by one row, and another row states none, which makes it \
                     {chosen} by the patient's name: state the split in every row of a patient"
                )
            }),
            _ => Ok(split),
        }
    }

    /// Notes a good row.
    pub(super) fn note(&mut self, patient: &str, split: Split, is_stated: bool) {
        let of_patient = self.of_patients.entry(patient.to_owned()).or_insert((split, is_stated));
        of_patient.1 |= is_stated;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_split_that_nobody_stated_is_said_to_be_the_names() {
        let by_name = Split::of_patient("p");
        let other = Split::ALL.into_iter().find(|&split| split != by_name).unwrap();
        let stated = format!("patient p is in the splits {other} and {by_name}");
        let half = format!(
            "patient p is in the split {other} by one row, and another row states none, which makes it"
        );
        for (first, second, want) in [
            (None, None, None),
            (Some(other), Some(other), None),
            (None, Some(by_name), None),
            (Some(other), Some(by_name), Some(&stated)),
            (Some(other), None, Some(&half)),
            (None, Some(other), Some(&half)),
        ] {
            let mut splits = Splits::default();
            splits.note("p", splits.agreed("p", first).unwrap(), first.is_some());
            let error = splits.agreed("p", second).err();
            assert_eq!(error.is_some(), want.is_some(), "{first:?} {second:?}: {error:?}");
            assert!(error.is_none_or(|error| error.starts_with(want.unwrap())), "{first:?} {second:?}");
            assert!(splits.agreed("q", second).is_ok(), "the control: another patient");
        }
    }
}
