//! Noise-optimal subgraph placement.
