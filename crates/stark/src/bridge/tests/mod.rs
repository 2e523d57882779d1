//! Tests of the bridge.

mod attacks;
mod hashes;
mod honest;
mod statement;

/// The chips of a small table that uses every gadget.
pub(crate) fn chips() -> alloc::vec::Vec<alloc::sync::Arc<crate::air::Chip>> {
    let case = attacks::small_case();
    super::chips(&case.statement(crate::Level::Fast)).expect("a table that has a bridge")
}
