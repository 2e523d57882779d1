//! Verdicts: never a bool.

use alloc::string::String;
use core::fmt;

use serde::{Deserialize, Serialize};

use crate::{SecurityLevel, Tier};

/// What a verifier says of a receipt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verdict", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum Verdict {
    /// The receipt meets the policy.
    Valid {
        /// The tier that it reaches.
        tier: Tier,
        /// The proof system.
        system: String,
        /// What the evidence is worth; absent below tier 2.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        security: Option<SecurityLevel>,
        /// What this shows, in one sentence.
        proves: String,
        /// What it does not show. Always printed with the verdict.
        does_not_prove: String,
    },
    /// The receipt must not be accepted.
    Invalid {
        /// The one stable reason.
        reason: Reason,
        /// What was expected and what was found, for a person.
        detail: String,
    },
}

impl Verdict {
    /// An invalid verdict.
    pub fn invalid(reason: Reason, detail: impl Into<String>) -> Self {
        Self::Invalid { reason, detail: detail.into() }
    }

    /// Whether the receipt meets the policy.
    pub const fn is_valid(&self) -> bool {
        matches!(self, Self::Valid { .. })
    }

    /// The reason of an invalid verdict.
    pub const fn reason(&self) -> Option<Reason> {
        match self {
            Self::Valid { .. } => None,
            Self::Invalid { reason, .. } => Some(*reason),
        }
    }
}

macro_rules! reasons {
    ($($(#[doc = $doc:literal])+ $variant:ident = $code:literal,)+) => {
        /// Why a receipt is invalid. The codes are stable: they are never renamed and never reused.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[non_exhaustive]
        pub enum Reason {
            $($(#[doc = $doc])+ #[serde(rename = $code)] $variant,)+
        }

        impl Reason {
            /// Every reason, in the order in which a verifier checks them.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The stable code.
            pub const fn code(self) -> &'static str {
                match self { $(Self::$variant => $code),+ }
            }

            /// What the code means.
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$variant => concat!($($doc),+)),+ }
            }
        }
    };
}

reasons! {
    /// The receipt is longer than the verifier reads.
    TooLarge = "too-large",
    /// The bytes are not a receipt in canonical JSON or DAG-CBOR form.
    BadEncoding = "bad-encoding",
    /// The receipt has a format version that this verifier does not know.
    UnsupportedVersion = "unsupported-version",
    /// The policy demands a binding proof for this job.
    BindingRequired = "binding-required",
    /// The receipt was made in a development mode and proves nothing.
    DevReceipt = "dev-receipt",
    /// The evidence reaches a lower tier than the policy or the job demands.
    TierTooLow = "tier-too-low",
    /// The policy does not accept this proof system or claim.
    SystemNotAllowed = "system-not-allowed",
    /// The policy demands more bits of security, proven bits, or zero knowledge.
    SecurityTooLow = "security-too-low",
    /// The receipt states another security level than its evidence has.
    SecurityMisstated = "security-misstated",
    /// The receipt answers another job than the one expected, or none.
    WrongJob = "wrong-job",
    /// The receipt is about another plan than the one expected.
    WrongPlan = "wrong-plan",
    /// The receipt is about another model than the one expected, or does not show which.
    WrongModel = "wrong-model",
    /// The receipt is about other input data than expected.
    WrongDataRoot = "wrong-data-root",
    /// The output at hand is not the one that the receipt is about.
    OutputMismatch = "output-mismatch",
    /// The claim says that it used more than its own limits or the policy's limits allow, or states no limits where the policy
    /// bounds them.
    LimitsExceeded = "limits-exceeded",
    /// The registry does not know the program.
    UnknownProgram = "unknown-program",
    /// Neither the policy nor the registry knows the key that the proof was made for.
    UnknownKey = "unknown-key",
    /// The key that the proof was made for was withdrawn.
    WithdrawnKey = "withdrawn-key",
    /// The program was deprecated.
    DeprecatedProgram = "deprecated-program",
    /// The program's version is below the minimum, or not the one registered under its id.
    VersionTooOld = "version-too-old",
    /// The program lacks a feature that the policy demands.
    MissingFeature = "missing-feature",
    /// The signature under the claim is not the key's.
    BadSignature = "bad-signature",
    /// The signing key is not among those that the policy trusts.
    UntrustedProvider = "untrusted-provider",
    /// The proof does not verify for this claim.
    BadSeal = "bad-seal",
    /// The witness is of another shard or agent than expected, or its key is not the one registered for that shard.
    WrongShard = "wrong-shard",
    /// The witness does not answer the challenge.
    WrongNonce = "wrong-nonce",
    /// The witness is too old, lies in the future, or ends before it starts.
    BadTimestamp = "bad-timestamp",
    /// The witness does not follow the one that is known to be its shard's last: some are missing between them.
    ChainGap = "chain-gap",
    /// The shard signed two witnesses for one place of its chain.
    ChainFork = "chain-fork",
    /// The performance record is not at hand, so nothing in the claim could be compared with it.
    PerfMissing = "perf-missing",
    /// The performance record has another digest or length than claimed.
    PerfDigest = "perf-digest",
    /// The performance record cannot be read within the limits.
    PerfMalformed = "perf-malformed",
    /// The performance record says something else than the claim.
    PerfMismatch = "perf-mismatch",
    /// The claim contradicts itself: samples that do not fit processor time, or times that do not fit each other.
    Implausible = "implausible",
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}
