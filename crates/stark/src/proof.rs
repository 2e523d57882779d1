//! Proofs as bytes.
//!
//! The statement fixes the shape of its proof: every list has a length that the verifier computes, except the
//! siblings of Merkle paths, which depend on where queries fall. So the bytes hold no lengths but those; reading
//! makes a proof of exactly that shape or fails, and Plonky3's verifier never sees another. Field elements are four
//! bytes, little-endian and canonical; hashes are 32 bytes.

use alloc::{string::ToString, vec::Vec};

use p3_air::symbolic::AirLayout;
use p3_batch_stark::proof::OpenedValuesWithLookups;
use p3_batch_stark::symbolic::get_log_num_quotient_chunks_for_domain;
use p3_batch_stark::{BatchCommitments, BatchOpenedValues, BatchProof, CommonData};
use p3_commit::Pcs;
use p3_field::{BasedVectorSpace, PrimeCharacteristicRing, PrimeField32};
use p3_fri::{BatchMultiOpening, CommitPhaseMultiStep, FriProof, fold_schedule};
use p3_lookup::{LogUpGadget, Lookup, LookupTerminal};
use p3_uni_stark::{OpenedValues, StarkGenericConfig};

use crate::{
    air::{ChipAir, F, Rule},
    config::{
        CAP_HEIGHT, Challenge, Challenger, Config, DEGREE, LOG_BLOWUP, LOG_FINAL, Level, MAX_LOG_ARITY,
    },
    error::{ProveError, VerifyError},
    masked::{self, no_commitment},
    salted::{Cap, LEAF_SALT, Node, Paths, carriers},
};

/// The shape of a statement's proofs.
pub(crate) struct Shape {
    pub(crate) instances: Vec<Instance>,
    queries: usize,
    /// Logarithm of the values that each folding takes.
    foldings: Vec<usize>,
}

/// The shape of a chip's part.
pub(crate) struct Instance {
    pub(crate) log_height: usize,
    pub(crate) width: usize,
    /// Columns of fractions.
    pub(crate) lookups: usize,
    pub(crate) messages: usize,
    pub(crate) widest_message: usize,
    pub(crate) constraints: usize,
    /// Parts of the quotient.
    pub(crate) chunks: usize,
}

impl Shape {
    pub(crate) fn new(level: Level, config: &Config, airs: &[ChipAir], common: &CommonData<Config>) -> Self {
        let instances: Vec<Instance> = airs
            .iter()
            .zip(&common.lookups)
            .map(|(air, lookups)| {
                let chip = air.chip();
                Instance {
                    log_height: chip.log_height as usize,
                    width: chip.width,
                    lookups: lookups.len(),
                    messages: chip.interactions.len(),
                    widest_message: chip
                        .interactions
                        .iter()
                        .map(|message| message.fields.len())
                        .max()
                        .unwrap_or(0),
                    constraints: chip
                        .constraints
                        .iter()
                        .map(|constraint| match constraint.rule {
                            Rule::Permutation { .. } => crate::gadget::ROUND_CELLS,
                            Rule::Zero(_) => 1,
                        })
                        .sum(),
                    chunks: chunks(config, air, lookups),
                }
            })
            .collect();
        let mut heights: Vec<usize> =
            instances.iter().map(|instance| instance.log_height + 1 + LOG_BLOWUP).collect();
        heights.sort_unstable_by(|a, b| b.cmp(a));
        heights.dedup();
        let foldings = fold_schedule(&heights, LOG_FINAL + LOG_BLOWUP, MAX_LOG_ARITY);
        Self { instances, queries: level.queries(), foldings }
    }

    /// Logarithm of the leaves of a tree of tables.
    pub(crate) fn tallest(&self) -> usize {
        self.instances.iter().map(|instance| instance.log_height).max().unwrap_or(0) + 1 + LOG_BLOWUP
    }

    /// The tables of each commitment: main, quotient and uniform, permutation.
    fn rounds(&self) -> [Vec<Matrix>; 3] {
        let mut rounds: [Vec<Matrix>; 3] = Default::default();
        for instance in &self.instances {
            let matrix = |width| Matrix { width, log_height: instance.log_height };
            rounds[0].push(matrix(instance.width));
            rounds[1].extend((0..instance.chunks).map(|_| matrix(DEGREE)));
            if instance.lookups > 0 {
                rounds[2].push(matrix((instance.lookups + 1) * DEGREE));
            }
        }
        rounds[1].push(Matrix { width: DEGREE, log_height: self.tallest() - 1 - LOG_BLOWUP });
        rounds
    }
}

/// Into how many parts the quotient of a chip is split.
fn chunks(config: &Config, air: &ChipAir, lookups: &[Lookup<F>]) -> usize {
    let domain = Pcs::<Challenge, Challenger>::natural_domain_for_degree(config.pcs(), air.chip().height());
    let log_chunks = get_log_num_quotient_chunks_for_domain::<F, Challenge, _, _>(
        air,
        AirLayout::from_air(air),
        domain,
        lookups,
        config.is_zk(),
        &LogUpGadget::new(),
    );
    1 << (log_chunks + config.is_zk())
}

#[derive(Clone, Copy)]
struct Matrix {
    width: usize,
    log_height: usize,
}

/// One walk over a proof's parts, to write or to read them.
trait Walk {
    fn value(&mut self, value: &mut F) -> Result<(), VerifyError>;
    fn node(&mut self, node: &mut Node) -> Result<(), VerifyError>;
    /// The number of siblings in the paths of `queries` leaves to a cap `depth` levels up: the shape does not fix it.
    fn siblings(&mut self, count: usize, queries: usize, depth: usize) -> Result<usize, VerifyError>;

    fn values(&mut self, values: &mut Vec<F>, count: usize) -> Result<(), VerifyError> {
        self.list(values, count, |walk, value| walk.value(value))
    }

    fn challenge(&mut self, value: &mut Challenge) -> Result<(), VerifyError> {
        let mut parts: [F; DEGREE] = core::array::from_fn(|at| value.as_basis_coefficients_slice()[at]);
        parts.iter_mut().try_for_each(|part| self.value(part))?;
        *value = Challenge::from_basis_coefficients_fn(|at| parts[at]);
        Ok(())
    }

    fn challenges(&mut self, values: &mut Vec<Challenge>, count: usize) -> Result<(), VerifyError> {
        self.list(values, count, |walk, value| walk.challenge(value))
    }

    fn list<T: Default + Clone>(
        &mut self,
        items: &mut Vec<T>,
        count: usize,
        mut each: impl FnMut(&mut Self, &mut T) -> Result<(), VerifyError>,
    ) -> Result<(), VerifyError> {
        // Reading starts from empty lists; writing checks that the prover made the shape that verifiers expect.
        if items.is_empty() {
            items.resize(count, T::default());
        }
        if items.len() != count {
            return Err(VerifyError::Malformed("a list of the wrong length"));
        }
        items.iter_mut().try_for_each(|item| each(self, item))
    }

    fn digests(&mut self, digests: &mut Vec<Node>, count: usize) -> Result<(), VerifyError> {
        self.list(digests, count, Self::node)
    }

    /// The roots of a tree of `2^log_height` leaves.
    fn cap(&mut self, cap: &mut Option<Cap>, log_height: usize) -> Result<(), VerifyError> {
        let mut digests = cap.as_ref().map_or_else(Vec::new, |cap| cap.roots().to_vec());
        self.digests(&mut digests, 1 << CAP_HEIGHT.min(log_height))?;
        *cap = Some(Cap::new(digests));
        Ok(())
    }

    /// The paths of `queries` leaves in a tree of `2^log_height`.
    fn paths(&mut self, paths: &mut Paths, queries: usize, log_height: usize) -> Result<(), VerifyError> {
        let depth = log_height.saturating_sub(CAP_HEIGHT);
        let count = self.siblings(paths.sibling_hashes.len(), queries, depth)?;
        self.digests(&mut paths.sibling_hashes, count)
    }
}

/// The parts of a proof, in the order of their bytes.
#[derive(Default)]
struct Parts {
    caps: [Option<Cap>; 3],
    opened: Vec<OpenedParts>,
    terminals: Vec<Challenge>,
    lookup_work: F,
    point_work: F,
    batch_work: F,
    fold_caps: Vec<Option<Cap>>,
    fold_work: Vec<F>,
    inputs: Vec<InputParts>,
    folds: Vec<FoldParts>,
    last: Vec<Challenge>,
    query_work: F,
}

#[derive(Clone, Default)]
struct OpenedParts {
    local: Vec<Challenge>,
    next: Vec<Challenge>,
    chunks: Vec<Vec<Challenge>>,
    random: Vec<Challenge>,
    permutation: [Vec<Challenge>; 2],
}

#[derive(Clone)]
struct InputParts {
    rows: Vec<Vec<Vec<F>>>,
    salts: Vec<Vec<Vec<F>>>,
    paths: Paths,
}

impl Default for InputParts {
    fn default() -> Self {
        Self { rows: Vec::new(), salts: Vec::new(), paths: Paths { sibling_hashes: Vec::new() } }
    }
}

#[derive(Clone)]
struct FoldParts {
    siblings: Vec<Vec<Challenge>>,
    salts: Vec<Vec<Vec<F>>>,
    paths: Paths,
}

impl Default for FoldParts {
    fn default() -> Self {
        Self { siblings: Vec::new(), salts: Vec::new(), paths: Paths { sibling_hashes: Vec::new() } }
    }
}

fn walk(shape: &Shape, parts: &mut Parts, walk: &mut impl Walk) -> Result<(), VerifyError> {
    let rounds = shape.rounds();
    let queries = shape.queries;
    let tallest = shape.tallest();
    parts.caps.iter_mut().try_for_each(|cap| walk.cap(cap, tallest))?;
    // The uniform polynomials are opened with the first of the tallest tables.
    let holder = masked::tallest(shape.instances.iter().map(|instance| instance.log_height));
    let mut instances = shape.instances.iter().enumerate();
    walk.list(&mut parts.opened, shape.instances.len(), |walk, opened| {
        let Some((at, instance)) = instances.next() else {
            return Err(VerifyError::Malformed("too many openings"));
        };
        walk.challenges(&mut opened.local, instance.width)?;
        walk.challenges(&mut opened.next, instance.width)?;
        walk.list(&mut opened.chunks, instance.chunks, |walk, chunk| walk.challenges(chunk, DEGREE))?;
        if at == holder {
            walk.challenges(&mut opened.random, DEGREE)?;
        }
        if instance.lookups > 0 {
            let width = (instance.lookups + 1) * DEGREE;
            opened.permutation.iter_mut().try_for_each(|row| walk.challenges(row, width))?;
        }
        Ok(())
    })?;
    let with_lookups = shape.instances.iter().filter(|instance| instance.lookups > 0).count();
    walk.challenges(&mut parts.terminals, with_lookups)?;
    walk.value(&mut parts.lookup_work)?;
    walk.value(&mut parts.point_work)?;
    walk.value(&mut parts.batch_work)?;
    let mut foldings = shape.foldings.iter();
    let mut folded = tallest;
    walk.list(&mut parts.fold_caps, shape.foldings.len(), |walk, cap| {
        // A leaf holds all values that one folding takes.
        folded = folded.saturating_sub(foldings.next().copied().unwrap_or(0));
        walk.cap(cap, folded)
    })?;
    walk.values(&mut parts.fold_work, shape.foldings.len())?;
    let mut matrices = rounds.iter();
    walk.list(&mut parts.inputs, rounds.len(), |walk, input| {
        let matrices = matrices.next().map_or(&[][..], |matrices| &matrices[..]);
        walk.list(&mut input.rows, queries, |walk, rows| {
            let mut each = matrices.iter();
            walk.list(rows, matrices.len(), |walk, row| {
                let width = each.next().map_or(0, |matrix| matrix.width);
                walk.values(row, width)
            })
        })?;
        let carriers = carriers(matrices.iter().map(|matrix| matrix.log_height));
        walk.list(&mut input.salts, queries, |walk, salts| {
            let mut carriers = carriers.iter();
            walk.list(salts, matrices.len(), |walk, salt| {
                let carries = carriers.next().is_some_and(|carries| *carries);
                walk.values(salt, if carries { LEAF_SALT } else { 0 })
            })
        })?;
        walk.paths(&mut input.paths, queries, tallest)
    })?;
    let (mut foldings, mut folded) = (shape.foldings.iter(), tallest);
    walk.list(&mut parts.folds, shape.foldings.len(), |walk, fold| {
        let log_arity = foldings.next().copied().unwrap_or(0);
        folded = folded.saturating_sub(log_arity);
        let arity = 1 << log_arity;
        walk.list(&mut fold.siblings, queries, |walk, siblings| walk.challenges(siblings, arity - 1))?;
        walk.list(&mut fold.salts, queries, |walk, salts| {
            walk.list(salts, 1, |walk, salt| walk.values(salt, LEAF_SALT))
        })?;
        walk.paths(&mut fold.paths, queries, folded)
    })?;
    walk.challenges(&mut parts.last, 1 << LOG_FINAL)?;
    walk.value(&mut parts.query_work)
}

/// Writes a proof.
pub(crate) fn encode(shape: &Shape, proof: BatchProof<Config>) -> Result<Vec<u8>, VerifyError> {
    struct Write(Vec<u8>);
    impl Walk for Write {
        fn value(&mut self, value: &mut F) -> Result<(), VerifyError> {
            self.0.extend_from_slice(&value.as_canonical_u32().to_le_bytes());
            Ok(())
        }
        fn node(&mut self, node: &mut Node) -> Result<(), VerifyError> {
            self.0.extend_from_slice(node);
            Ok(())
        }
        fn siblings(&mut self, count: usize, _: usize, _: usize) -> Result<usize, VerifyError> {
            self.0.extend_from_slice(&(count as u32).to_le_bytes());
            Ok(count)
        }
    }
    let mut parts = into_parts(proof);
    let mut bytes = Write(Vec::new());
    walk(shape, &mut parts, &mut bytes)?;
    Ok(bytes.0)
}

/// Reads a proof of this shape, or nothing.
pub(crate) fn decode(shape: &Shape, bytes: &[u8]) -> Result<BatchProof<Config>, VerifyError> {
    struct Read<'a>(&'a [u8]);
    impl Read<'_> {
        fn bytes<const N: usize>(&mut self) -> Result<[u8; N], VerifyError> {
            let (bytes, rest) =
                self.0.split_first_chunk().ok_or(VerifyError::Malformed("it ends too early"))?;
            self.0 = rest;
            Ok(*bytes)
        }
    }
    impl Walk for Read<'_> {
        fn value(&mut self, value: &mut F) -> Result<(), VerifyError> {
            let word = u32::from_le_bytes(self.bytes()?);
            if word >= F::ORDER_U32 {
                return Err(VerifyError::Malformed("a field element is not canonical"));
            }
            *value = F::from_u32(word);
            Ok(())
        }
        fn node(&mut self, node: &mut Node) -> Result<(), VerifyError> {
            *node = self.bytes()?;
            Ok(())
        }
        fn siblings(&mut self, _: usize, queries: usize, depth: usize) -> Result<usize, VerifyError> {
            let count = u32::from_le_bytes(self.bytes()?) as usize;
            if count > queries * depth || count > self.0.len() / 32 {
                return Err(VerifyError::Malformed("a Merkle path is too long"));
            }
            Ok(count)
        }
    }
    let mut parts = Parts::default();
    let mut read = Read(bytes);
    walk(shape, &mut parts, &mut read)?;
    if !read.0.is_empty() {
        return Err(VerifyError::Malformed("it has bytes after its end"));
    }
    from_parts(shape, parts)
}

/// Bytes of a proof of this shape, its values taken from `noise` again and again.
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) fn shaped(shape: &Shape, noise: &[u8]) -> Vec<u8> {
    struct Noise<'a> {
        noise: &'a [u8],
        at: usize,
        bytes: Vec<u8>,
    }
    impl Noise<'_> {
        fn word(&mut self) -> u32 {
            let word = core::array::from_fn(|_| {
                self.at += 1;
                self.noise.get((self.at - 1) % self.noise.len().max(1)).copied().unwrap_or(0)
            });
            u32::from_le_bytes(word)
        }
    }
    impl Walk for Noise<'_> {
        fn value(&mut self, _: &mut F) -> Result<(), VerifyError> {
            let word = self.word() % F::ORDER_U32;
            self.bytes.extend(word.to_le_bytes());
            Ok(())
        }
        fn node(&mut self, node: &mut Node) -> Result<(), VerifyError> {
            for _ in 0..node.len() / 4 {
                let word = self.word();
                self.bytes.extend(word.to_le_bytes());
            }
            Ok(())
        }
        fn siblings(&mut self, _: usize, queries: usize, depth: usize) -> Result<usize, VerifyError> {
            let count = self.word() as usize % (queries * depth + 1);
            self.bytes.extend((count as u32).to_le_bytes());
            Ok(count)
        }
    }
    let mut bytes = Noise { noise, at: 0, bytes: Vec::new() };
    let written = walk(shape, &mut Parts::default(), &mut bytes);
    debug_assert!(written.is_ok());
    bytes.bytes
}

/// About how many bytes a proof of this shape has.
pub(crate) fn proof_bytes(shape: &Shape) -> Result<u64, ProveError> {
    struct Measure(u64);
    impl Walk for Measure {
        fn value(&mut self, _: &mut F) -> Result<(), VerifyError> {
            self.0 += 4;
            Ok(())
        }
        fn node(&mut self, _: &mut Node) -> Result<(), VerifyError> {
            self.0 += 32;
            Ok(())
        }
        fn siblings(&mut self, _: usize, queries: usize, depth: usize) -> Result<usize, VerifyError> {
            // Below the cap paths share nodes only where a level has fewer nodes than queries.
            let shared = (queries.ilog2() as usize).saturating_sub(CAP_HEIGHT);
            self.0 += 4 + 32 * (queries * depth.saturating_sub(shared)) as u64;
            Ok(0)
        }
    }
    let mut bytes = Measure(0);
    walk(shape, &mut Parts::default(), &mut bytes)
        .map_err(|error| ProveError::Internal(error.to_string()))?;
    Ok(bytes.0)
}

fn into_parts(proof: BatchProof<Config>) -> Parts {
    let commitments = proof.commitments;
    let fri = proof.opening_proof;
    Parts {
        caps: [Some(commitments.main), Some(commitments.quotient_chunks), commitments.permutation],
        opened: proof
            .opened_values
            .instances
            .into_iter()
            .map(|instance| {
                let base = instance.base_opened_values;
                OpenedParts {
                    local: base.trace_local,
                    next: base.trace_next.unwrap_or_default(),
                    chunks: base.quotient_chunks,
                    random: base.random.unwrap_or_default(),
                    permutation: [instance.permutation_local, instance.permutation_next],
                }
            })
            .collect(),
        terminals: proof.lookup_terminals.into_iter().flatten().map(|terminal| terminal.0).collect(),
        lookup_work: proof.lookup_pow_witness.unwrap_or_default(),
        point_work: proof.ood_pow_witness,
        batch_work: fri.batch_pow_witness,
        fold_caps: fri.commit_phase_commits.into_iter().map(Some).collect(),
        fold_work: fri.commit_pow_witnesses,
        inputs: fri
            .input_openings
            .into_iter()
            .map(|opening| InputParts {
                rows: opening.opened_values,
                salts: opening.opening_proof.0,
                paths: opening.opening_proof.1,
            })
            .collect(),
        folds: fri
            .commit_phase_openings
            .into_iter()
            .map(|step| FoldParts {
                siblings: step.sibling_values,
                salts: step.opening_proof.0,
                paths: step.opening_proof.1,
            })
            .collect(),
        last: fri.final_poly,
        query_work: fri.query_pow_witness,
    }
}

fn from_parts(shape: &Shape, parts: Parts) -> Result<BatchProof<Config>, VerifyError> {
    let [Some(main), Some(quotient_chunks), permutation] = parts.caps else {
        return Err(VerifyError::Malformed("a commitment is missing"));
    };
    let fold_caps: Option<Vec<Cap>> = parts.fold_caps.into_iter().collect();
    let mut terminals = parts.terminals.into_iter();
    let instances = parts.opened.into_iter().map(|opened| {
        let [permutation_local, permutation_next] = opened.permutation;
        let mut random = opened.random;
        random.resize(DEGREE, Challenge::ZERO);
        OpenedValuesWithLookups {
            base_opened_values: OpenedValues {
                trace_local: opened.local,
                trace_next: Some(opened.next),
                preprocessed: None,
                quotient_chunks: opened.chunks,
                random: Some(random),
            },
            permutation_local,
            permutation_next,
        }
    });
    Ok(BatchProof {
        commitments: BatchCommitments { main, permutation, quotient_chunks, random: Some(no_commitment()) },
        opened_values: BatchOpenedValues { instances: instances.collect() },
        opening_proof: FriProof {
            batch_pow_witness: parts.batch_work,
            commit_phase_commits: fold_caps.ok_or(VerifyError::Malformed("a commitment is missing"))?,
            commit_pow_witnesses: parts.fold_work,
            input_openings: parts
                .inputs
                .into_iter()
                .map(|input| BatchMultiOpening {
                    opened_values: input.rows,
                    opening_proof: (input.salts, input.paths),
                })
                .collect(),
            commit_phase_openings: parts
                .folds
                .into_iter()
                .map(|fold| CommitPhaseMultiStep {
                    sibling_values: fold.siblings,
                    opening_proof: (fold.salts, fold.paths),
                })
                .collect(),
            final_poly: parts.last,
            query_pow_witness: parts.query_work,
        },
        lookup_terminals: shape
            .instances
            .iter()
            .map(|instance| if instance.lookups > 0 { terminals.next().map(LookupTerminal) } else { None })
            .collect(),
        // Masks double every table.
        degree_bits: shape.instances.iter().map(|instance| instance.log_height + 1).collect(),
        lookup_pow_witness: Some(parts.lookup_work),
        ood_pow_witness: parts.point_work,
    })
}
