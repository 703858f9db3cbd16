//! The integer engine: runs a quantised convolutional network in fixed memory, bit-identical on every CPU.
