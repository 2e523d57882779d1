#![doc = include_str!("../README.md")]
#![no_std]
extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

pub mod calendar;
pub mod expr;
pub mod json_reader;
pub mod model;
pub mod typed;
pub mod types;

// Language: text to checked plan.
pub mod canonical;
pub mod check;
pub mod diagnostic;
pub mod wire;

#[cfg(feature = "source")]
pub mod graph;
#[cfg(feature = "source")]
pub mod source;

#[cfg(feature = "testing")]
pub mod testing;

// Execution: checked plan and data to output.
pub mod commit;
pub mod document;
pub mod exec;
pub mod format;
pub mod guest;
pub mod number;
pub mod value;

#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
