//! Builds for x86-64 use the vector instructions that `.cargo/config.toml` names. Without this check a processor that
//! lacks them ends the program with SIGILL, which tells a user nothing.

/// What the program is built for and this processor lacks.
#[cfg(target_arch = "x86_64")]
pub(crate) fn lacks() -> Option<&'static str> {
    use std::arch::x86_64::{__cpuid, __cpuid_count};

    // `is_x86_feature_detected!` is constant for features that the build has, so the processor is asked itself
    // (Intel SDM volume 2A, CPUID).
    let features = __cpuid(1).ecx;
    let extended = if __cpuid(0).eax >= 7 { __cpuid_count(7, 0).ebx } else { 0 };
    let has = |register: u32, bit: u32| register >> bit & 1 == 1;
    [
        ("AVX2", cfg!(target_feature = "avx2"), has(extended, 5)),
        ("BMI2", cfg!(target_feature = "bmi2"), has(extended, 8)),
        ("FMA", cfg!(target_feature = "fma"), has(features, 12)),
        ("AVX-512", cfg!(target_feature = "avx512f"), has(extended, 16)),
    ]
    .into_iter()
    .find_map(|(name, built_for, present)| (built_for && !present).then_some(name))
}

/// What the program is built for and this processor lacks.
#[cfg(not(target_arch = "x86_64"))]
pub(crate) fn lacks() -> Option<&'static str> {
    None
}
