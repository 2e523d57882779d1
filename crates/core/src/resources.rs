//! What an execution may use, and what it used.

/// Bounds on an execution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "receipt", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "receipt", serde(rename_all = "camelCase", deny_unknown_fields))]
pub struct Limits {
    /// Bytes of live values, by their logical size.
    pub max_memory_bytes: u64,
    /// Cycles of a zkVM.
    pub max_cycles: u64,
    /// Bytes of the encoded output.
    pub max_output_bytes: u64,
    /// Executed steps, counting every round of a loop.
    pub max_steps: u64,
}

impl Limits {
    /// What a plan gets that states no limits.
    pub const DEFAULT: Self = Self {
        max_memory_bytes: 256 << 20,
        max_cycles: 1_000_000_000,
        max_output_bytes: 16 << 20,
        max_steps: 100_000,
    };
    /// The largest limits that a plan may state.
    pub const CEILING: Self = Self {
        max_memory_bytes: 64 << 30,
        max_cycles: 1 << 40,
        max_output_bytes: 1 << 30,
        max_steps: 100_000_000,
    };

    /// The numbers in the order of a [`Journal`](crate::journal::Journal).
    pub const fn numbers(&self) -> [u64; 4] {
        [self.max_memory_bytes, self.max_cycles, self.max_output_bytes, self.max_steps]
    }
}

/// Resources that an execution used. Logical numbers: every correct executor reports the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "receipt", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "receipt", serde(rename_all = "camelCase", deny_unknown_fields))]
pub struct Usage {
    /// Executed steps, counting every round of a loop.
    pub steps: u64,
    /// Rows of the results of all executed steps together.
    pub rows: u64,
    /// Largest sum of the logical sizes of live values, in bytes.
    pub peak_memory_bytes: u64,
    /// Bytes of the encoded output.
    pub output_bytes: u64,
}

impl Usage {
    /// The numbers in the order of a [`Journal`](crate::journal::Journal).
    pub const fn numbers(&self) -> [u64; 4] {
        [self.steps, self.rows, self.peak_memory_bytes, self.output_bytes]
    }
}
