//! Publishing less: what a claim tells about a machine beyond what it must.

use proofmark_core::{Binary, Digest, WitnessClaim};

/// A copy of a claim without arguments, environment, paths and processor model. It names the claim that it was made
/// from, and must be signed again: the first signature is not over it.
///
/// Kept are digests, counts and times. The recording holds addresses, paths and the command line of `perf`; a redacted
/// witness is published without it, and then shows no more than a signature does.
pub fn redact(claim: &WitnessClaim) -> WitnessClaim {
    let mut copy = claim.clone();
    copy.redacted_from = Some(crate::chain::digest(claim));
    let hide = |binary: &mut Binary| binary.path = hidden(&binary.path);
    copy.command.arguments.clear();
    copy.command.environment.clear();
    hide(&mut copy.command.program);
    copy.command.interpreter.as_mut().map(hide);
    copy.machine.cpu.clear();
    copy.machine.kernel.clear();
    copy.recording.build_ids =
        claim.recording.build_ids.iter().map(|(path, id)| (hidden(path), id.clone())).collect();
    copy
}

/// A path as the start of its digest: equal paths stay equal, and nobody reads them.
fn hidden(path: &str) -> String {
    format!("redacted:{}", &Digest::of(path.as_bytes()).to_hex()[..16])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::claim;

    #[test]
    fn nothing_of_what_was_hidden_is_left() {
        let claim = claim();
        let copy = redact(&claim);
        let text = String::from_utf8(crate::statement::statement(&copy)).unwrap();
        for secret in ["--secret-argument", "/usr/bin/sleep", "hunter2", "EPYC"] {
            assert!(
                String::from_utf8(crate::statement::statement(&claim)).unwrap().contains(secret),
                "{secret}"
            );
            assert!(!text.contains(secret), "{secret}");
        }
        assert_eq!(copy.redacted_from, Some(crate::chain::digest(&claim)));
        assert_eq!(copy.recording.perf, claim.recording.perf);
    }
}
