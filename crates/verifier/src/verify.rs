//! The order of judgement.

use std::io::{Read, Seek};

use proofmark_binding::evidence;
use proofmark_core::{
    Claim, DecodeError, Digest, Evidence, MAX_RECEIPT_BYTES, PlanClaim, Reason, Receipt, Risc0Evidence,
    SecurityLevel, Verdict,
};
use proofmark_plan::{commit, document, value::Value};
use proofmark_registry::{Program, Registry, Standing};

use crate::{
    Expectations, ExpectedOutput, Policy, ResultCache,
    gate::{self, Judged, Rejection, reject},
    rollout, statement,
    systems::{
        binding,
        risc0::{self, Seal, SealError},
        stark::Proof,
        witness,
    },
};

/// Judges receipts by a registry.
#[derive(Clone, Copy, Debug)]
pub struct Verifier<'a> {
    registry: &'a Registry,
}

/// One receipt of a batch.
#[derive(Clone, Copy, Debug)]
pub struct BatchItem<'a> {
    /// What the caller calls it: a path, a job, a number.
    pub name: &'a str,
    /// The receipt in either form.
    pub bytes: &'a [u8],
    /// What it should be about.
    pub expectations: &'a Expectations,
}

impl<'a> Verifier<'a> {
    /// A verifier that trusts this registry.
    pub const fn new(registry: &'a Registry) -> Self {
        Self { registry }
    }

    /// Judges one receipt in either form.
    ///
    /// The checks run in the order of [`Reason::ALL`]; the first that fails gives the reason. The proof itself
    /// comes last, because everything before it costs microseconds.
    pub fn verify(&self, bytes: &[u8], policy: &Policy, expectations: &Expectations) -> Verdict {
        let receipt = match Receipt::decode(bytes) {
            Ok(receipt) => receipt,
            Err(error) => return undecodable(&error),
        };
        let judged = self.judge(&receipt, policy, expectations, None::<NoRecording>);
        verdict(&receipt, judged.and_then(|judged| binding::check(&receipt).map(|()| judged)))
    }

    /// Everything but binding proofs, which a batch checks together.
    fn judge<R: Read + Seek>(
        &self,
        receipt: &Receipt,
        policy: &Policy,
        expectations: &Expectations,
        recording: Option<R>,
    ) -> Result<Judged, Rejection> {
        rollout::check(receipt, policy, expectations)?;
        let security = match &receipt.claim {
            Claim::Binding(_) | Claim::SealedBinding(_) => {
                binding::judge(self.registry, receipt, policy, expectations)?
            }
            Claim::Plan(claim) => {
                Judgement::new(self.registry, receipt, claim, policy, expectations).run()?
            }
            Claim::Witness(claim) => return witness::judge(receipt, claim, policy, expectations, recording),
            _ => return reject(Reason::SystemNotAllowed, "this verifier does not judge claims of this kind"),
        };
        Ok(Judged { security, statement: statement(receipt, Some(policy)) })
    }

    /// As [`Verifier::verify`], for a witness whose recording lies beside its receipt. The recording is streamed.
    pub fn verify_witness(
        &self,
        bytes: &[u8],
        recording: impl Read + Seek,
        policy: &Policy,
        expectations: &Expectations,
    ) -> Verdict {
        match Receipt::decode(bytes) {
            Ok(receipt) if matches!(receipt.claim, Claim::Witness(_)) => {
                verdict(&receipt, self.judge(&receipt, policy, expectations, Some(recording)))
            }
            Ok(_) => Verdict::invalid(Reason::SystemNotAllowed, "this is no receipt of a witness"),
            Err(error) => undecodable(&error),
        }
    }

    /// As [`Verifier::verify`], asking a cache first.
    pub fn verify_cached(
        &self,
        cache: &mut ResultCache,
        bytes: &[u8],
        policy: &Policy,
        expectations: &Expectations,
    ) -> Verdict {
        let key = ResultCache::key(bytes, policy, expectations, self.registry.head());
        if let Some(verdict) = cache.recall(&key) {
            return verdict;
        }
        let verdict = self.verify(bytes, policy, expectations);
        cache.remember(key, verdict.clone());
        verdict
    }

    /// Judges many receipts; each has its own verdict, under its own name, whatever the others are. Binding proofs are
    /// checked together, at a third of the price of one each.
    pub fn verify_batch<'b>(
        &self,
        items: impl IntoIterator<Item = BatchItem<'b>>,
        policy: &Policy,
    ) -> Vec<(&'b str, Verdict)> {
        let judged: Vec<_> = items
            .into_iter()
            .map(|item| {
                let judged = Receipt::decode(item.bytes).map(|receipt| {
                    let result = self.judge(&receipt, policy, item.expectations, None::<NoRecording>);
                    (receipt, result)
                });
                (item.name, judged)
            })
            .collect();
        let proofs: Vec<_> = judged
            .iter()
            .filter_map(|(_, judged)| match judged {
                Ok((receipt, Ok(_))) => binding::proof(receipt),
                _ => None,
            })
            .collect();
        let mut checked = evidence::check_batch(&proofs).into_iter();
        judged
            .iter()
            .map(|(name, judged)| {
                let (receipt, result) = match judged {
                    Ok(judged) => judged,
                    Err(error) => return (*name, undecodable(error)),
                };
                let result = result.clone().and_then(|judged| match binding::proof(receipt) {
                    Some(_) => {
                        let checked = checked.next().expect("one result for each proof");
                        checked.map(|()| judged).map_err(binding::refused)
                    }
                    None => Ok(judged),
                });
                (*name, verdict(receipt, result))
            })
            .collect()
    }
}

/// No recording lies beside the receipt.
type NoRecording = std::io::Empty;

fn verdict(receipt: &Receipt, judged: Result<Judged, Rejection>) -> Verdict {
    match judged {
        Ok(Judged { security, statement }) => Verdict::Valid {
            tier: receipt.evidence.tier(),
            system: receipt.evidence.system().into(),
            security,
            proves: statement.proves,
            does_not_prove: statement.does_not_prove,
        },
        Err((reason, detail)) => Verdict::invalid(reason, detail),
    }
}

fn undecodable(error: &DecodeError) -> Verdict {
    let reason = match error {
        DecodeError::TooLarge { .. } => Reason::TooLarge,
        DecodeError::UnsupportedVersion(_) => Reason::UnsupportedVersion,
        _ => Reason::BadEncoding,
    };
    Verdict::invalid(reason, error.to_string())
}

/// One receipt before its judge.
struct Judgement<'a> {
    registry: &'a Registry,
    receipt: &'a Receipt,
    claim: &'a PlanClaim,
    policy: &'a Policy,
    expectations: &'a Expectations,
    /// The RISC Zero seal, or what is wrong with its shape. Read once, used by several checks.
    seal: Option<Result<Seal, SealError>>,
    /// The same of a proof over tables.
    proof: Option<Result<Proof<'a>, String>>,
}

impl<'a> Judgement<'a> {
    fn new(
        registry: &'a Registry,
        receipt: &'a Receipt,
        claim: &'a PlanClaim,
        policy: &'a Policy,
        expectations: &'a Expectations,
    ) -> Self {
        let seal = match &receipt.evidence {
            Evidence::Risc0(evidence) => Some(Seal::parse(&evidence.seal)),
            _ => None,
        };
        let proof = match &receipt.evidence {
            Evidence::Stark(evidence) => Some(Proof::parse(evidence, claim)),
            _ => None,
        };
        Self { registry, receipt, claim, policy, expectations, seal, proof }
    }

    /// All checks in the order of [`Reason::ALL`].
    fn run(&self) -> Result<Option<SecurityLevel>, Rejection> {
        self.check_dev()?;
        gate::check_tier(self.receipt, self.policy, self.expectations)?;
        self.check_system()?;
        let security = self.check_security()?;
        self.check_expectations()?;
        self.check_limits()?;
        self.check_program()?;
        self.check_evidence()?;
        Ok(security)
    }

    fn check_dev(&self) -> Result<(), Rejection> {
        if let Some(Err(error @ SealError::Fake)) = &self.seal {
            return reject(Reason::DevReceipt, error.to_string());
        }
        gate::check_dev(self.receipt, self.policy)
    }

    fn check_system(&self) -> Result<(), Rejection> {
        gate::check_system(self.receipt, self.policy)?;
        match &self.seal {
            Some(Err(error @ SealError::Unsupported(_))) => {
                reject(Reason::SystemNotAllowed, error.to_string())
            }
            _ => Ok(()),
        }
    }

    /// Compares the stated level with the policy, then with what the evidence really has.
    fn check_security(&self) -> Result<Option<SecurityLevel>, Rejection> {
        let stated = match &self.receipt.evidence {
            Evidence::Risc0(evidence) => &evidence.security,
            // What it really has follows from the proof's shape, which is checked with the proof.
            Evidence::Stark(evidence) => &evidence.security,
            _ => return Ok(None),
        };
        let actual = match &self.seal {
            Some(Ok(seal)) => Some(seal.security()),
            _ => None,
        };
        gate::check_security(*stated, actual, self.policy)?;
        Ok(Some(*stated))
    }

    fn check_expectations(&self) -> Result<(), Rejection> {
        let Expectations { job, plan, data_roots, output, .. } = self.expectations;
        if let Some(expected) = job {
            match &self.claim.job {
                Some(found) if found == expected => {}
                Some(found) => {
                    return reject(Reason::WrongJob, format!("expected {expected}, found {found}"));
                }
                None => return reject(Reason::WrongJob, format!("expected {expected}, found none")),
            }
        }
        if let Some(expected) = plan.filter(|expected| *expected != self.claim.plan) {
            return reject(Reason::WrongPlan, format!("expected {expected}, found {}", self.claim.plan));
        }
        if let Some(expected) = self.expectations.model {
            return reject(Reason::WrongModel, format!("expected model {expected}, found a plan"));
        }
        if let Some(expected) = self.expectations.input {
            return reject(Reason::WrongDataRoot, format!("expected the input {expected}, found a plan"));
        }
        for (name, expected) in data_roots {
            let mut inputs = self.claim.inputs.iter().filter(|input| input.name == *name);
            match (inputs.next(), inputs.next()) {
                (Some(input), None) if expected.contains(&input.root) => {}
                (Some(input), None) => {
                    let found = input.root;
                    let expected: Vec<_> = expected.iter().map(ToString::to_string).collect();
                    return reject(
                        Reason::WrongDataRoot,
                        format!("`{name}`: expected {}, found {found}", expected.join(" or ")),
                    );
                }
                (Some(_), Some(_)) => {
                    return reject(Reason::WrongDataRoot, format!("the claim has several inputs `{name}`"));
                }
                (None, _) => {
                    return reject(Reason::WrongDataRoot, format!("the claim has no input `{name}`"));
                }
            }
        }
        match output {
            Some(expected) => self.check_output(expected),
            None => Ok(()),
        }
    }

    fn check_output(&self, expected: &ExpectedOutput) -> Result<(), Rejection> {
        let root = match expected {
            ExpectedOutput::Root(root) => *root,
            ExpectedOutput::Document(bytes) => match self.document_digest(bytes) {
                Ok(root) => root,
                Err(error) => {
                    return reject(Reason::OutputMismatch, format!("the output cannot be read: {error}"));
                }
            },
        };
        if root != self.claim.output {
            let claimed = self.claim.output;
            return reject(
                Reason::OutputMismatch,
                format!("the output at hand has root {root}; the receipt is about {claimed}"),
            );
        }
        Ok(())
    }

    fn check_limits(&self) -> Result<(), Rejection> {
        let (limits, usage) = (self.claim.limits.as_ref(), self.claim.usage.as_ref());
        if let (Some(limits), Some(usage)) = (limits, usage) {
            let pairs = [
                ("steps", usage.steps, limits.max_steps),
                ("peakMemoryBytes", usage.peak_memory_bytes, limits.max_memory_bytes),
                ("outputBytes", usage.output_bytes, limits.max_output_bytes),
            ];
            if let Some((name, used, most)) = pairs.into_iter().find(|(_, used, most)| used > most) {
                return reject(
                    Reason::LimitsExceeded,
                    format!("`{name}` is {used}; its own limit is {most}"),
                );
            }
        }
        match self.policy.max_limits.exceeded(limits) {
            None => Ok(()),
            Some((name, Some(claimed), most)) => reject(
                Reason::LimitsExceeded,
                format!("it ran with `{name}` {claimed}; the policy allows at most {most}"),
            ),
            Some((name, None, most)) => reject(
                Reason::LimitsExceeded,
                format!("it states no limits; the policy allows `{name}` of at most {most}"),
            ),
        }
    }

    fn check_program(&self) -> Result<(), Rejection> {
        let Evidence::Risc0(evidence) = &self.receipt.evidence else { return Ok(()) };
        let program = match self.registry.standing(&evidence.program) {
            Standing::Unknown => {
                return reject(
                    Reason::UnknownProgram,
                    format!("the registry does not know {}", evidence.program),
                );
            }
            Standing::Deprecated { program, reason } => {
                let Program { name, version, .. } = program;
                return reject(Reason::DeprecatedProgram, format!("{name} {version}: {reason}"));
            }
            Standing::TooOld { program, minimum } => {
                let Program { name, version, .. } = program;
                return reject(
                    Reason::VersionTooOld,
                    format!("{name} {version}; the registry demands at least {minimum}"),
                );
            }
            Standing::Allowed(program) => program,
        };
        let Program { name, version, features, system, .. } = program;
        if system != "risc0" {
            return reject(
                Reason::UnknownProgram,
                format!("{name} {version} is a program for {system}, not risc0"),
            );
        }
        if evidence.program_version != version.to_string() {
            let stated = &evidence.program_version;
            return reject(
                Reason::VersionTooOld,
                format!("the receipt says version {stated}; the program is registered as {version}"),
            );
        }
        if let Some(minimum) = self.policy.min_program_version.as_ref().filter(|minimum| version < minimum) {
            return reject(
                Reason::VersionTooOld,
                format!("{name} {version}; the policy demands at least {minimum}"),
            );
        }
        match self.policy.required_features.difference(features).next() {
            Some(feature) => reject(Reason::MissingFeature, format!("{name} {version} has no `{feature}`")),
            None => Ok(()),
        }
    }

    fn check_evidence(&self) -> Result<(), Rejection> {
        match &self.receipt.evidence {
            Evidence::Commitment(evidence) => {
                gate::check_signature(&self.receipt.claim, evidence, self.policy)
            }
            Evidence::Risc0(evidence) => self.check_risc0(evidence),
            Evidence::Stark(_) => self.check_stark(),
            // Tier 0: there is nothing to check, and `check_tier` let only those pass who ask for nothing.
            Evidence::Dev { .. } | Evidence::None {} => Ok(()),
            other => {
                let system = other.system();
                reject(Reason::SystemNotAllowed, format!("this verifier cannot judge `{system}` evidence"))
            }
        }
    }

    /// The digest that the value in an output document has in claims of this kind. Outputs have the default leaves and no
    /// salt.
    fn document_digest(&self, bytes: &[u8]) -> Result<Digest, String> {
        // A cell takes at least one byte of text and at most 16 bytes in memory, so an honest document fits well.
        let room = 64 * bytes.len() as u64 + (1 << 20);
        let value = document::read(&bytes.to_vec().into(), room).map_err(|e| e.to_string())?;
        match (&self.proof, &value) {
            (Some(Ok(proof)), Value::Table(table)) => proof.output_digest(table),
            (Some(Ok(_)), Value::Bytes(_)) => Err("it is no table".into()),
            (Some(Err(error)), _) => Err(error.clone()),
            (None, _) => Ok(commit::root(&value, commit::DEFAULT_ROWS_PER_LEAF, &commit::NO_SALT)),
        }
    }

    fn check_stark(&self) -> Result<(), Rejection> {
        let proof = match &self.proof {
            Some(Ok(proof)) => proof,
            Some(Err(error)) => return reject(Reason::BadSeal, error),
            None => unreachable!("a proof was read for every receipt with one"),
        };
        proof.check(self.claim, &self.receipt.claim.digest()).map_err(|error| (Reason::BadSeal, error))
    }

    fn check_risc0(&self, evidence: &Risc0Evidence) -> Result<(), Rejection> {
        let seal = match &self.seal {
            Some(Ok(seal)) => seal,
            Some(Err(error)) => return reject(Reason::BadSeal, error.to_string()),
            None => unreachable!("a seal was read for every RISC Zero receipt"),
        };
        let Some(version) = risc0::journal_version(&evidence.program_version) else {
            return reject(Reason::BadSeal, "the program's version is not three numbers of 16 bits");
        };
        seal.check(&evidence.program, version, self.claim).map_err(|error| (Reason::BadSeal, error))
    }
}

/// The most that a receipt may weigh is the decoder's to say; the number is part of this crate's contract too.
const _: () = assert!(MAX_RECEIPT_BYTES > risc0::MAX_SEAL_BYTES);
