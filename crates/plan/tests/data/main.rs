//! From a plan and files to a journal, as a zkVM guest does it and as a host does it.

mod examples;
mod hostile;
