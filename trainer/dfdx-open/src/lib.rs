//! dfdx, opened at build time.
