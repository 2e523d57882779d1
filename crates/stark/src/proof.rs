//! Proofs as bytes.
//!
//! The statement fixes the shape of its proof: every list has a length that the verifier computes, except the
//! siblings of Merkle paths, which depend on where queries fall. So the bytes hold no lengths but those; reading
//! makes a proof of exactly that shape or fails, and Plonky3's verifier never sees another. Field elements are four
//! bytes, little-endian and canonical; hashes are 28 bytes.

use alloc::{string::ToString, vec, vec::Vec};

use p3_air::{BaseAir, symbolic::AirLayout};
use p3_batch_stark::proof::OpenedValuesWithLookups;
use p3_batch_stark::symbolic::get_log_num_quotient_chunks_for_domain;
use p3_batch_stark::{BatchCommitments, BatchOpenedValues, BatchProof, CommonData};
use p3_commit::Pcs;
use p3_field::{BasedVectorSpace, PrimeCharacteristicRing, PrimeField32};
use p3_fri::{BatchMultiOpening, CommitPhaseMultiStep, FriProof, fold_schedule};
use p3_lookup::{LogUpGadget, Lookup, LookupTerminal};
use p3_uni_stark::{OpenedValues, StarkGenericConfig};

use crate::{
    air::{Board, F, ROUND_CELLS, Rule},
    config::{
        Challenge, Challenger, Config, DEGREE, FINAL, LOG_BLOWUP, LOG_TOLD_BLOWUP, LOG_TOLD_FINAL, Level,
        MAX_LOG_ARITY, Paths, Root,
    },
    error::{ProveError, VerifyError},
    hash::{HASH_BYTES, Node},
};

/// The shape of a statement's proofs.
pub(crate) struct Shape {
    pub(crate) instances: Vec<Instance>,
    queries: usize,
    /// Logarithm of the values that each folding takes.
    foldings: Vec<usize>,
}

/// The shape of a board's part.
pub(crate) struct Instance {
    pub(crate) log_height: usize,
    pub(crate) width: usize,
    /// Columns of fractions.
    pub(crate) lookups: usize,
    pub(crate) messages: usize,
    pub(crate) widest_message: usize,
    pub(crate) constraints: usize,
    /// Cosets on which the quotient is computed.
    pub(crate) cosets: usize,
    /// Parts of the quotient.
    pub(crate) parts: usize,
}

impl Shape {
    pub(crate) fn new(level: Level, config: &Config, boards: &[Board], common: &CommonData<Config>) -> Self {
        let instances: Vec<Instance> = boards
            .iter()
            .zip(&common.lookups)
            .map(|(board, lookups)| {
                let cosets = cosets(config, board, lookups);
                let messages = || board.chips().flat_map(|chip| &chip.interactions);
                let constraints = board.chips().flat_map(|chip| &chip.constraints);
                Instance {
                    log_height: board.log_height(),
                    width: board.width(),
                    lookups: lookups.len(),
                    messages: messages().count(),
                    widest_message: messages().map(|message| message.fields.len()).max().unwrap_or(0),
                    constraints: constraints
                        .map(|constraint| match constraint.rule {
                            Rule::Permutation { .. } => ROUND_CELLS,
                            Rule::Zero(_) => 1,
                        })
                        .sum(),
                    cosets,
                    parts: config.pcs().split(1 << board.log_height(), cosets).parts(),
                }
            })
            .collect();
        let mut heights: Vec<usize> =
            instances.iter().map(|instance| instance.log_height + LOG_BLOWUP).collect();
        heights.sort_unstable_by(|a, b| b.cmp(a));
        heights.dedup();
        let foldings = fold_schedule(&heights, LOG_TOLD_FINAL + LOG_TOLD_BLOWUP, MAX_LOG_ARITY);
        Self { instances, queries: level.queries(), foldings }
    }

    /// Logarithm of the leaves of a tree of tables.
    pub(crate) fn tallest(&self) -> usize {
        self.instances.iter().map(|instance| instance.log_height).max().unwrap_or(0) + LOG_BLOWUP
    }

    /// The widths of the tables of each commitment: main, quotient and uniform, permutation.
    fn rounds(&self) -> [Vec<usize>; 3] {
        let mut rounds: [Vec<usize>; 3] = Default::default();
        for instance in &self.instances {
            rounds[0].push(instance.width);
            rounds[1].extend((0..instance.parts).map(|_| DEGREE));
            if instance.lookups > 0 {
                rounds[2].push((instance.lookups + 1) * DEGREE);
            }
        }
        rounds[1].push(DEGREE);
        rounds
    }
}

/// On how many cosets the quotient of a board is computed.
fn cosets(config: &Config, board: &Board, lookups: &[Lookup<F>]) -> usize {
    let domain =
        Pcs::<Challenge, Challenger>::natural_domain_for_degree(config.pcs(), 1 << board.log_height());
    let log_cosets = get_log_num_quotient_chunks_for_domain::<F, Challenge, _, _>(
        board,
        AirLayout::from_air(board),
        domain,
        lookups,
        config.is_zk(),
        &LogUpGadget::new(),
    );
    1 << log_cosets
}

/// One walk over a proof's parts, to write or to read them.
trait Walk {
    fn value(&mut self, value: &mut F) -> Result<(), VerifyError>;
    fn node(&mut self, node: &mut Node) -> Result<(), VerifyError>;
    /// The number of siblings in the paths of `queries` leaves to a root `depth` levels up: the shape does not fix it.
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

    fn root(&mut self, root: &mut Option<Root>) -> Result<(), VerifyError> {
        let mut nodes = root.as_ref().map_or_else(Vec::new, |root| root.roots().to_vec());
        self.list(&mut nodes, 1, Self::node)?;
        *root = Some(Root::new(nodes));
        Ok(())
    }

    /// The paths of `queries` leaves in a tree of `2^log_height`.
    fn paths(&mut self, paths: &mut Paths, queries: usize, log_height: usize) -> Result<(), VerifyError> {
        let count = self.siblings(paths.sibling_hashes.len(), queries, log_height)?;
        self.list(&mut paths.sibling_hashes, count, Self::node)
    }
}

/// The parts of a proof, in the order of their bytes.
#[derive(Default)]
struct Parts {
    roots: [Option<Root>; 3],
    opened: Vec<OpenedParts>,
    uniform: Vec<Challenge>,
    terminals: Vec<Challenge>,
    lookup_work: F,
    point_work: F,
    batch_work: F,
    fold_roots: Vec<Option<Root>>,
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
    claim: Vec<Challenge>,
    parts: Vec<Vec<Challenge>>,
    permutation: [Vec<Challenge>; 2],
}

#[derive(Clone)]
struct InputParts {
    rows: Vec<Vec<Vec<F>>>,
    paths: Paths,
}

impl Default for InputParts {
    fn default() -> Self {
        Self { rows: Vec::new(), paths: Paths { sibling_hashes: Vec::new() } }
    }
}

#[derive(Clone)]
struct FoldParts {
    siblings: Vec<Vec<Challenge>>,
    paths: Paths,
}

impl Default for FoldParts {
    fn default() -> Self {
        Self { siblings: Vec::new(), paths: Paths { sibling_hashes: Vec::new() } }
    }
}

fn walk(shape: &Shape, parts: &mut Parts, walk: &mut impl Walk) -> Result<(), VerifyError> {
    let rounds = shape.rounds();
    let queries = shape.queries;
    let tallest = shape.tallest();
    parts.roots.iter_mut().try_for_each(|root| walk.root(root))?;
    let mut instances = shape.instances.iter();
    walk.list(&mut parts.opened, shape.instances.len(), |walk, opened| {
        let Some(instance) = instances.next() else {
            return Err(VerifyError::Malformed("too many openings"));
        };
        walk.challenges(&mut opened.local, instance.width)?;
        walk.challenges(&mut opened.next, instance.width)?;
        walk.challenges(&mut opened.claim, DEGREE)?;
        walk.list(&mut opened.parts, instance.parts - 1, |walk, part| walk.challenges(part, DEGREE))?;
        if instance.lookups > 0 {
            let width = (instance.lookups + 1) * DEGREE;
            opened.permutation.iter_mut().try_for_each(|row| walk.challenges(row, width))?;
        }
        Ok(())
    })?;
    walk.challenges(&mut parts.uniform, DEGREE)?;
    let with_lookups = shape.instances.iter().filter(|instance| instance.lookups > 0).count();
    walk.challenges(&mut parts.terminals, with_lookups)?;
    walk.value(&mut parts.lookup_work)?;
    walk.value(&mut parts.point_work)?;
    walk.value(&mut parts.batch_work)?;
    walk.list(&mut parts.fold_roots, shape.foldings.len(), Walk::root)?;
    walk.values(&mut parts.fold_work, shape.foldings.len())?;
    let mut rounds_left = rounds.iter();
    walk.list(&mut parts.inputs, rounds.len(), |walk, input| {
        let widths = rounds_left.next().map_or(&[][..], |widths| &widths[..]);
        walk.list(&mut input.rows, queries, |walk, rows| {
            let mut each = widths.iter();
            walk.list(rows, widths.len(), |walk, row| walk.values(row, each.next().copied().unwrap_or(0)))
        })?;
        walk.paths(&mut input.paths, queries, tallest)
    })?;
    let (mut foldings, mut folded) = (shape.foldings.iter(), tallest);
    walk.list(&mut parts.folds, shape.foldings.len(), |walk, fold| {
        // A leaf holds all values that one folding takes.
        let log_arity = foldings.next().copied().unwrap_or(0);
        folded = folded.saturating_sub(log_arity);
        let arity = 1 << log_arity;
        walk.list(&mut fold.siblings, queries, |walk, siblings| walk.challenges(siblings, arity - 1))?;
        walk.paths(&mut fold.paths, queries, folded)
    })?;
    walk.challenges(&mut parts.last, FINAL)?;
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
            if count > queries * depth || count > self.0.len() / HASH_BYTES {
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
            self.0 += HASH_BYTES as u64;
            Ok(())
        }
        fn siblings(&mut self, _: usize, queries: usize, depth: usize) -> Result<usize, VerifyError> {
            // Paths share nodes where a level has fewer nodes than queries.
            let shared = queries.ilog2() as usize;
            self.0 += 4 + (HASH_BYTES * queries * depth.saturating_sub(shared)) as u64;
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
    let (parts, uniform, mut fri) = proof.opening_proof;
    let mut parts = parts.into_iter();
    fri.final_poly.truncate(FINAL);
    Parts {
        roots: [Some(commitments.main), Some(commitments.quotient_chunks), commitments.permutation],
        opened: proof
            .opened_values
            .instances
            .into_iter()
            .map(|instance| {
                let base = instance.base_opened_values;
                OpenedParts {
                    local: base.trace_local,
                    next: base.trace_next.unwrap_or_default(),
                    // What is claimed of the other cosets is zero.
                    claim: base.quotient_chunks.into_iter().next().unwrap_or_default(),
                    parts: parts.next().unwrap_or_default(),
                    permutation: [instance.permutation_local, instance.permutation_next],
                }
            })
            .collect(),
        uniform,
        terminals: proof.lookup_terminals.into_iter().flatten().map(|terminal| terminal.0).collect(),
        lookup_work: proof.lookup_pow_witness.unwrap_or_default(),
        point_work: proof.ood_pow_witness,
        batch_work: fri.batch_pow_witness,
        fold_roots: fri.commit_phase_commits.into_iter().map(Some).collect(),
        fold_work: fri.commit_pow_witnesses,
        inputs: fri
            .input_openings
            .into_iter()
            .map(|opening| InputParts { rows: opening.opened_values, paths: opening.opening_proof })
            .collect(),
        folds: fri
            .commit_phase_openings
            .into_iter()
            .map(|step| FoldParts { siblings: step.sibling_values, paths: step.opening_proof })
            .collect(),
        last: fri.final_poly,
        query_work: fri.query_pow_witness,
    }
}

fn from_parts(shape: &Shape, parts: Parts) -> Result<BatchProof<Config>, VerifyError> {
    let [Some(main), Some(quotient_chunks), permutation] = parts.roots else {
        return Err(VerifyError::Malformed("a commitment is missing"));
    };
    let fold_roots: Option<Vec<Root>> = parts.fold_roots.into_iter().collect();
    let mut terminals = parts.terminals.into_iter();
    let mut quotients = Vec::with_capacity(shape.instances.len());
    let instances = parts.opened.into_iter().zip(&shape.instances).map(|(opened, instance)| {
        let [permutation_local, permutation_next] = opened.permutation;
        let mut claims = vec![opened.claim];
        claims.resize(instance.cosets, vec![Challenge::ZERO; DEGREE]);
        quotients.push(opened.parts);
        OpenedValuesWithLookups {
            base_opened_values: OpenedValues {
                trace_local: opened.local,
                trace_next: Some(opened.next),
                preprocessed: None,
                quotient_chunks: claims,
                random: None,
            },
            permutation_local,
            permutation_next,
        }
    });
    let instances = instances.collect();
    // The other coefficients are zero, which is what bounds degrees.
    let mut final_poly = parts.last;
    final_poly.resize(1 << LOG_TOLD_FINAL, Challenge::ZERO);
    Ok(BatchProof {
        commitments: BatchCommitments { main, permutation, quotient_chunks, random: None },
        opened_values: BatchOpenedValues { instances },
        opening_proof: (
            quotients,
            parts.uniform,
            FriProof {
                batch_pow_witness: parts.batch_work,
                commit_phase_commits: fold_roots.ok_or(VerifyError::Malformed("a commitment is missing"))?,
                commit_pow_witnesses: parts.fold_work,
                input_openings: parts
                    .inputs
                    .into_iter()
                    .map(|input| BatchMultiOpening { opened_values: input.rows, opening_proof: input.paths })
                    .collect(),
                commit_phase_openings: parts
                    .folds
                    .into_iter()
                    .map(|fold| CommitPhaseMultiStep {
                        sibling_values: fold.siblings,
                        opening_proof: fold.paths,
                    })
                    .collect(),
                final_poly,
                query_pow_witness: parts.query_work,
            },
        ),
        lookup_terminals: shape
            .instances
            .iter()
            .map(|instance| if instance.lookups > 0 { terminals.next().map(LookupTerminal) } else { None })
            .collect(),
        degree_bits: shape.instances.iter().map(|instance| instance.log_height).collect(),
        lookup_pow_witness: Some(parts.lookup_work),
        ood_pow_witness: parts.point_work,
    })
}
