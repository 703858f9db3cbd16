use std::fmt;

use serde::Serialize;

use super::{
    Agreement, BOX_SIZES, BoxSize, Figure, LIMITS_OF_AGREEMENT, REDRAWN, Reliability, Report, Row, SizeClass,
    Spread, Table, Unmeasured,
};

/// Everything that is told of how well a cascade measures a split: prints as text, writes itself as JSON.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Evaluation {
    /// What measured.
    pub model: String,
    /// The split that was measured.
    pub split: String,
    /// All lesions, and the more demanding groups of them that are not empty.
    pub groups: Vec<Group>,
    /// All lesions by size.
    pub sizes: Vec<SizeClass>,
    /// Of all lesions.
    pub reliability: Reliability,
}

/// A group of lesions.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Group {
    /// What its lesions have in common.
    pub name: &'static str,
    /// How many they are.
    pub lesions: usize,
    /// Of how many patients.
    pub patients: usize,
    /// Lesions that were not measured; they are in none of the differences.
    #[serde(flatten)]
    pub unmeasured: Unmeasured,
    /// The counterpart of the paper's Table 1.
    pub table: Table,
    /// Whether the cascade is one reader among others.
    pub agreement: Agreement,
    /// In boxes of other sizes.
    pub box_sizes: Vec<BoxSize>,
    /// In boxes that were drawn again.
    pub spread: Spread,
}

/// The groups: name, least mean long axis in mm, least number of readers.
const GROUPS: [(&str, f64, usize); 3] = [
    ("all lesions", 0.0, 1),
    ("two readers or more", 0.0, 2),
    ("10 mm or longer, three readers or more", 10.0, 3),
];

impl Evaluation {
    /// Puts together what `report` says of the cascade called `model` on a split.
    #[must_use]
    pub fn of(model: &str, split: &str, report: &Report) -> Self {
        let all: Vec<&Row> = report.rows.iter().collect();
        let mut groups: Vec<Group> = Vec::new();
        for (name, minimum_mm, readers) in GROUPS {
            let belongs = |row: &&&Row| row.long_mm() >= minimum_mm && row.reader_count() >= readers;
            let rows: Vec<&Row> = all.iter().filter(belongs).copied().collect();
            let same = groups.last().is_some_and(|group| group.lesions == rows.len());
            if !rows.is_empty() && !same {
                groups.push(Group::of(name, &rows));
            }
        }
        Self {
            model: model.to_owned(),
            split: split.to_owned(),
            groups,
            sizes: SizeClass::all(&all),
            reliability: Reliability::of(&all),
        }
    }

    /// The evaluation as one line of JSON; what is not a number is `null`.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("an evaluation is plain data") + "\n"
    }
}

impl Group {
    fn of(name: &'static str, rows: &[&Row]) -> Self {
        let patients: std::collections::HashSet<&str> = rows.iter().map(|row| row.patient.as_str()).collect();
        Self {
            name,
            lesions: rows.len(),
            patients: patients.len(),
            unmeasured: rows.iter().filter_map(|row| row.found.err()).collect(),
            table: Table::of(rows),
            agreement: Agreement::of(rows),
            box_sizes: BoxSize::all(rows),
            spread: Spread::of(rows),
        }
    }
}

impl fmt::Display for Evaluation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} on the split {}; differences to a reader, in boxes of 2 to 2.5 times the lesion",
            self.model, self.split
        )?;
        for group in &self.groups {
            write!(f, "\n{group}")?;
        }
        writeln!(f, "\nby size, mean difference to a reader in mm")?;
        let heads = "long axis, mm   lesions  refused  unfit   long  short   long's ends  short's ends   readers: long  short   bias, long";
        writeln!(f, "  {heads}")?;
        for class in &self.sizes {
            let range = class.to_mm.map_or_else(|| "and more".to_owned(), |to| format!("to {to}"));
            let range = format!("{} {range}", class.from_mm);
            let readers = class.readers_mm.map_or_else(
                || "-      -".to_owned(),
                |readers| format!("{:.2}   {:.2}", readers.long, readers.short),
            );
            let [long, short, long_ends, short_ends] = class.model_mm.into_array().map(Figure);
            writeln!(
                f,
                "  {range:<14} {:>8} {:>8} {:>6} {long:>6.2} {short:>6.2} {long_ends:>13.2} {short_ends:>13.2} {readers:>22} {:>12.2}",
                class.lesions,
                class.unmeasured.refused,
                class.unmeasured.unfit,
                Figure(class.long_bias_mm)
            )?;
        }
        writeln!(f, "\nby confidence: long axis, and how far the ends lie in % of it")?;
        let [low, high] = LIMITS_OF_AGREEMENT;
        writeln!(f, "  confidence     lesions  error, mm  error, %  ends, %   within {low:+} to {high:+} %")?;
        for bin in &self.reliability.bins {
            let [low, high] = bin.confidence;
            writeln!(
                f,
                "  {:<14} {:>7} {:>10.2} {:>9.1} {:>8.1} {:>11.0} %",
                format!("{low:.2} to {high:.2}"),
                bin.lesions,
                bin.long_mm,
                bin.long_percent,
                bin.ends_percent,
                100.0 * bin.within
            )?;
        }
        let Reliability { spearman_mm, spearman_percent, spearman_ends_percent, .. } = self.reliability;
        let [mm, percent, ends_percent] = [spearman_mm, spearman_percent, spearman_ends_percent].map(Figure);
        writeln!(
            f,
            "  rank correlation with the error: {mm:.2} in mm, {percent:.2} in %, of the ends {ends_percent:.2} in %"
        )
    }
}

impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, lesions, patients, unmeasured, .. } = self;
        writeln!(f, "{name}: {lesions} of {patients} patients, {unmeasured}")?;
        write!(f, "{}{}", self.table, self.agreement)?;
        let [low, .., high] = BOX_SIZES;
        writeln!(f, "  in boxes of {low} to {high} times the lesion, mean difference to a reader in mm")?;
        for BoxSize { size, unmeasured, mm } in &self.box_sizes {
            let [long, short, long_ends, short_ends] = mm.into_array().map(Figure);
            writeln!(
                f,
                "  {:<18} {long:>16.2} {short:>16.2} {long_ends:>16.2} {short_ends:>16.2}   {unmeasured}",
                format!("box {size}")
            )?;
        }
        let Spread { unmeasured, long_mm, short_mm, .. } = self.spread;
        let [long, short] = [long_mm, short_mm].map(Figure);
        writeln!(
            f,
            "  in {REDRAWN} boxes a lesion 95 of 100 measurements lie within {long:.2} mm (long axis) and {short:.2} mm \
             (short axis) of their lesion's median; {unmeasured}"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::super::careless::refused_everywhere;
    use super::super::row::{example, refused};
    use super::super::{Careless, Nothing};
    use super::*;

    #[test]
    fn groups_that_are_empty_or_no_smaller_are_left_out_and_json_holds_what_the_text_says() {
        let report = |rows| Report { rows };
        let two = Evaluation::of("m", "val", &report((0..8).map(|i| example(i, 12.0, 1.0, 2.0)).collect()));
        assert_eq!(two.groups.iter().map(|group| group.name).collect::<Vec<_>>(), ["all lesions"]);
        let three = |i| Row {
            box_only: vec![example(i, 12.0, 1.0, 2.0).box_only[0]; 3],
            ..example(i, 12.0, 1.0, 2.0)
        };
        let rows = (0..8).map(|i| if i % 2 == 0 { example(i, 12.0, 1.0, 2.0) } else { three(i) }).collect();
        let mixed = Evaluation::of("m", "val", &report(rows));
        assert_eq!(mixed.groups.iter().map(|group| group.lesions).collect::<Vec<_>>(), [8, 4]);
        let json: serde_json::Value = serde_json::from_str(&mixed.to_json()).unwrap();
        assert_eq!(json["groups"][1]["table"]["model_over_readers"]["long"]["value"], 0.5);
        assert!(json["groups"][0]["spread"]["long_mm"].is_null(), "no other boxes were tried");
        assert!(
            mixed.to_string().contains("10 mm or longer, three readers or more: 4 of 4 patients, 0 refused")
        );
        let nothing = Evaluation::of("m", "val", &report(Vec::new()));
        assert!(nothing.groups.is_empty() && nothing.to_json().starts_with('{'));
    }

    #[test]
    fn of_one_patient_there_are_figures_and_no_intervals() {
        let of = |patients: [usize; 2]| {
            let rows = patients.map(|patient| example(patient, 12.0, 1.0, 2.0));
            let told = Evaluation::of("m", "val", &Report { rows: rows.to_vec() });
            let json: serde_json::Value = serde_json::from_str(&told.to_json()).unwrap();
            (told.to_string(), json["groups"][0].clone())
        };
        let (text, json) = of([0, 0]);
        let head = "all lesions: 2 of 1 patients, 0 refused\n";
        for part in [head, " 0.50 - ", "model 100 % (-), another", "long -1.00 mm (-), short +1.00 mm (-)"] {
            assert!(text.contains(part), "{part} in {text}");
        }
        assert!(!text.contains("NaN"), "{text}");
        for estimate in [&json["table"]["model_over_readers"]["long"], &json["agreement"]["model_within"]] {
            assert!(estimate["value"].is_number() && estimate["interval"][0].is_null(), "{estimate}");
        }
        let (text, json) = of([0, 1]);
        assert!(text.contains(" 0.50 0.50-0.50 ") && text.contains("(100-100)"), "control: {text}");
        assert!(json["agreement"]["model_within"]["interval"][0].is_number(), "control");
    }

    #[test]
    fn of_lesions_that_all_were_refused_there_is_no_error_to_read() {
        let careless = Careless { redrawn: vec![Err(Nothing::Unfit); REDRAWN], ..refused_everywhere() };
        let row = |i| Row { careless: Some(careless.clone()), ..refused(i, 12.0, 2.0) };
        let all = Evaluation::of("m", "val", &Report { rows: (0..4).map(row).collect() });
        let text = all.to_string();
        assert!(text.contains("all lesions: 4 of 4 patients, 4 refused"), "{text}");
        assert!(!text.contains("0.00") && !text.contains("NaN") && !text.contains("inf"), "{text}");
        let json: serde_json::Value = serde_json::from_str(&all.to_json()).unwrap();
        for (pointer, refused) in [
            ("/groups/0/table/comparisons/0/mm/long/mean", "/groups/0/refused"),
            ("/groups/0/agreement/long_bias_mm/value", "/groups/0/refused"),
            ("/groups/0/box_sizes/0/mm/long", "/groups/0/box_sizes/0/refused"),
            ("/sizes/0/model_mm/long", "/sizes/0/refused"),
            ("/sizes/0/long_bias_mm", "/sizes/0/refused"),
        ] {
            assert_eq!(json.pointer(pointer), Some(&serde_json::Value::Null), "{pointer}");
            assert_eq!(json.pointer(refused), Some(&4.into()), "{refused}");
        }
        let spread = &json["groups"][0]["spread"];
        assert_eq!((&spread["short_mm"], &spread["unfit"]), (&serde_json::Value::Null, &80.into()));
        assert!(
            text.contains("; 0 refused, boxes that do not fit the packed picture or show nothing: 80\n"),
            "{text}"
        );
    }
}
