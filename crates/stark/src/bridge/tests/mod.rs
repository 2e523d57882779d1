//! Tests of the bridge.

mod honest;
