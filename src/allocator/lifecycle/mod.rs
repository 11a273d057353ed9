//! The stories of jobs and devices, one file each: what a command means in the state that it finds. Decides; the events
//! move the state.

pub mod dependencies;
pub mod devices;
pub mod expire;
pub mod finish;
pub mod hold;
pub mod reconfigure;
pub mod requeue;
pub mod stop;
pub mod submit;
pub mod timers;
