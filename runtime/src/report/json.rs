use serde_json::{Value, json};

use super::{Report, printed_ends, rounded};
use crate::geometry::Axis;

impl Report<'_> {
    /// The report as one JSON object on one line, with the fields and the order that README.md states: coordinates
    /// in slice pixels and lengths with three decimals; `null` for millimetres where the spacing is unknown.
    #[must_use]
    pub fn json(&self) -> String {
        let measured = self.measurement;
        let ends = printed_ends(measured.axes, 3);
        let warnings: Vec<_> = measured.warnings.iter().map(|w| w.to_string()).collect();
        let object = json!({
            "image": self.image,
            "box": self.area.corners(),
            "long_axis": self.axis(measured.axes.long(), ends.long()),
            "short_axis": self.axis(measured.axes.short(), ends.short()),
            "angle_deg": self.angle_deg(),
            "confidence": rounded(measured.confidence().into()),
            "mask_area_mm2": measured.mask_area_mm2().map(rounded),
            "warnings": warnings,
            "model": {
                "name": self.model.name,
                "version": self.model.version,
                "sha256": self.model.sha256_hex(),
            },
            "engine": self.engine,
        });
        object.to_string()
    }

    fn axis(&self, axis: Axis, printed: Axis) -> Value {
        let (start, end) = (printed.start(), printed.end());
        json!({
            "start": [start.x, start.y],
            "end": [end.x, end.y],
            "px": rounded(axis.length()),
            "mm": self.length_mm(axis).map(rounded),
        })
    }
}
