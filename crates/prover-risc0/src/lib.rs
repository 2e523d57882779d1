#![doc = include_str!("../README.md")]

mod evidence;
mod program;
mod prove;
mod rpc;
mod server;

pub use program::{PROGRAM_BINARY, program};
pub use prove::{Options, ReceiptKind, Risc0};
pub use server::VERSION;
