//! `recist-train`, the trainer's program.

fn main() {}
