//! `recist`: measures lesions from the command line.

fn main() {}
