//! From a plan and files to a journal, as a zkVM guest does it and as a host does it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod examples;
mod hostile;
