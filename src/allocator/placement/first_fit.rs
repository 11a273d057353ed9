//! First fit.
