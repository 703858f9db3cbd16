/// The exponential of `x`, from additions and multiplications alone: the same bits on every CPU.
///
/// `x` is clamped to [-700, 700], where the result is a normal number; NaN stays NaN. With x = k ln 2 + r and
/// |r| <= ln 2 / 2, the Taylor series of r to the 13th power is exact to less than one unit in the last
/// place, and 2^k is an exponent's bits.
#[must_use]
pub fn exponential(x: f64) -> f64 {
    const TERMS: u32 = 13;
    let x = x.clamp(-700.0, 700.0);
    let k = (x * core::f64::consts::LOG2_E).round_ties_even();
    // ln 2 in two parts: the first has few enough digits that k times it is exact.
    let r = (x - k * 0.693_147_180_369_123_8) - k * 1.908_214_929_270_587_7e-10;
    let series = (1..=TERMS).rev().fold(1.0, |sum, n| 1.0 + sum * r / f64::from(n));
    #[allow(clippy::cast_possible_truncation, reason = "k lies within 1010 of zero")]
    let exponent = (k as i64 + 1023) << 52;
    if k.is_nan() { k } else { series * f64::from_bits(exponent.cast_unsigned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exponential_agrees_with_the_platforms() {
        for i in -70_000..=70_000 {
            let x = f64::from(i) / 100.0;
            let (got, want) = (exponential(x), x.exp());
            assert!((got / want - 1.0).abs() < 1e-14, "exp({x}) is {got}, want {want}");
        }
        assert_eq!(exponential(0.0), 1.0);
        assert!(exponential(f64::NAN).is_nan());
        assert!(exponential(f64::INFINITY).is_normal() && exponential(f64::NEG_INFINITY).is_normal());
    }
}
