use std::fmt;

use super::{Report, printed_ends};
use crate::geometry::Axis;

/// The report for people: a few lines, no line break at the end.
impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let measured = self.measurement;
        let length = |axis: Axis| match self.length_mm(axis) {
            Some(mm) => format!("{mm:6.1} mm  ({:.1} px)", axis.length()),
            None => format!("{:6.1} px  (no pixel spacing)", axis.length()),
        };
        let ends = printed_ends(measured.axes, 1);
        let from_to = |axis: Axis| {
            let (a, b) = (axis.start(), axis.end());
            format!("from {:.1}, {:.1} to {:.1}, {:.1}", a.x, a.y, b.x, b.y)
        };
        let (long, short) = (measured.axes.long(), measured.axes.short());
        writeln!(f, "{}", self.image)?;
        writeln!(f, "  long axis   {}  {}", length(long), from_to(ends.long()))?;
        writeln!(f, "  short axis  {}  {}", length(short), from_to(ends.short()))?;
        writeln!(f, "  confidence  {:6.2}", measured.confidence())?;
        for warning in measured.warnings.iter() {
            writeln!(f, "  warning     {warning}")?;
        }
        write!(f, "  model       {} {}, {}", self.model.name, self.model.version, self.engine)
    }
}
