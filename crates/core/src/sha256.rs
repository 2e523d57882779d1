//! SHA-256 with one interface on a host and inside a zkVM.
//!
//! On a host this is the `sha2` crate (hardware instructions where the CPU has them). On
//! `target_os = "zkvm"` the compression function is the machine's accelerator, or code made for the machine,
//! which only the guest binary knows, so it is resolved at link time: a guest defines
//! `#[unsafe(no_mangle)] fn proofmark_sha256_compress(state: &mut [u32; 8], blocks: &[u8])`
//! where `state` holds the words as numbers, and `blocks` is a whole number of 64-byte blocks at a four-byte aligned address.

/// An incremental SHA-256 hasher.
#[derive(Clone)]
pub struct Sha256(imp::State);

impl Sha256 {
    /// Starts an empty hash.
    pub fn new() -> Self {
        Self(imp::State::new())
    }

    /// Starts a hash under a domain: the domain's length as one byte, then its bytes.
    ///
    /// # Panics
    /// If the domain is longer than 255 bytes; domains are constants of this code base.
    pub fn domain(domain: &str) -> Self {
        assert!(domain.len() <= 255, "a hash domain has at most 255 bytes");
        let mut hasher = Self::new();
        hasher.update(&[domain.len() as u8]);
        hasher.update(domain.as_bytes());
        hasher
    }

    /// Appends `data`.
    pub fn update(&mut self, data: &[u8]) {
        self.0.update(data);
    }

    /// Appends the length of `data` as eight little-endian bytes, then `data`, so that two fields cannot
    /// be cut at another place.
    pub fn update_sized(&mut self, data: &[u8]) {
        self.update(&(data.len() as u64).to_le_bytes());
        self.update(data);
    }

    /// The digest of everything appended.
    pub fn finish(self) -> [u8; 32] {
        self.0.finish()
    }
}

impl Default for Sha256 {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(not(target_os = "zkvm"))]
mod imp {
    use sha2::Digest as _;

    #[derive(Clone)]
    pub(super) struct State(sha2::Sha256);

    impl State {
        pub(super) fn new() -> Self {
            Self(sha2::Sha256::new())
        }
        pub(super) fn update(&mut self, data: &[u8]) {
            self.0.update(data);
        }
        pub(super) fn finish(self) -> [u8; 32] {
            self.0.finalize().into()
        }
    }
}

#[cfg(target_os = "zkvm")]
mod imp {
    unsafe extern "Rust" {
        fn proofmark_sha256_compress(state: &mut [u32; 8], blocks: &[u8]);
    }

    const INITIAL: [u32; 8] =
        [0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19];

    #[derive(Clone)]
    #[repr(C, align(4))]
    pub(super) struct State {
        state: [u32; 8],
        buffer: [u8; 64],
        filled: usize,
        total: u64,
    }

    impl State {
        pub(super) fn new() -> Self {
            Self { state: INITIAL, buffer: [0; 64], filled: 0, total: 0 }
        }

        pub(super) fn update(&mut self, mut data: &[u8]) {
            self.total += data.len() as u64;
            if self.filled > 0 {
                let take = data.len().min(64 - self.filled);
                self.buffer[self.filled..self.filled + take].copy_from_slice(&data[..take]);
                self.filled += take;
                data = &data[take..];
                if self.filled < 64 {
                    return;
                }
                self.compress_buffer();
            }
            let whole = data.len() & !63;
            if data.as_ptr().addr() & 3 == 0 {
                if whole > 0 {
                    // SAFETY: the guest defines this symbol with this signature (module documentation).
                    unsafe { proofmark_sha256_compress(&mut self.state, &data[..whole]) };
                }
            } else {
                for block in data[..whole].chunks_exact(64) {
                    self.buffer.copy_from_slice(block);
                    self.compress_buffer();
                }
            }
            let rest = &data[whole..];
            self.buffer[..rest.len()].copy_from_slice(rest);
            self.filled = rest.len();
        }

        fn compress_buffer(&mut self) {
            let Self { state, buffer, .. } = self;
            // SAFETY: as in `update`; `repr(C, align(4))` puts the buffer at an aligned offset.
            unsafe { proofmark_sha256_compress(state, buffer) };
            self.filled = 0;
        }

        pub(super) fn finish(mut self) -> [u8; 32] {
            let bits = self.total * 8;
            self.buffer[self.filled] = 0x80;
            self.buffer[self.filled + 1..].fill(0);
            if self.filled >= 56 {
                self.compress_buffer();
                self.buffer.fill(0);
            }
            self.buffer[56..].copy_from_slice(&bits.to_be_bytes());
            self.compress_buffer();
            let mut out = [0; 32];
            for (bytes, word) in out.chunks_exact_mut(4).zip(self.state) {
                bytes.copy_from_slice(&word.to_be_bytes());
            }
            out
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_domain_cannot_be_confused_with_data() {
        let mut left = Sha256::domain("ab");
        left.update(b"c");
        let mut right = Sha256::domain("a");
        right.update(b"bc");
        assert_ne!(left.finish(), right.finish());
    }
}
