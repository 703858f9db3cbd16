//! dfdx 0.13.0 as published, plus [`open`]: see the README and `build.rs`.
#![allow(warnings, reason = "published code, compiled as it is")]

include!(concat!(env!("OUT_DIR"), "/dfdx/lib.rs"));

pub mod open;
