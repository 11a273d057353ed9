//! Foreign calibration formats, one file each.
