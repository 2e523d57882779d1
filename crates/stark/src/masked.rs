//! The polynomial commitment: FRI over masked polynomials.
//!
//! **Masks.** A column of `n` rows is committed as a polynomial of degree below `2n` that has the column's values on the
//! trace domain and uniform ones on the other half of the domain of `2n` points. Those of quotients are in `quotient`.
//!
//! **The word that is folded.** With the parts of quotients are committed five uniform polynomials `R_0 … R_4` over the
//! base field, of degree below `2n` for the tallest table's `n`, opened at the point `z` of the quotients. In the batch
//! they make `sum a^j (R_j(z) - R_j(X)) / (z - X)`. The powers `a^j` are a basis of the extension unless `a` lies in the
//! base field, so `R = sum a^j R_j` is uniform; all that openings tell of it are its values at `z` and its four
//! conjugates. At these four points the word is a function of opened values, whatever is committed: a polynomial over
//! the base field has at a conjugate of `z` the conjugate of its value at `z`. So given all opened values the first word
//! is uniform among those that agree with them, and each later one, a folding of it to which words of shorter tables
//! are added, is uniform too.
//!
//! **Leaves** of Merkle trees are hashes of rows of such matrices, without salt. A row that no query asks for has on each
//! column a mask that no opening tells of, so it is uniform over at least [`LEAST_WIDTH`] elements of the base field: who
//! does not have it cannot recognise its hash, in the random oracle model. A leaf of a folded word holds the `2^a` values
//! of the next folding. These are values, at one point, of `2^a` polynomials that are uniform but for what openings tell:
//! each at the places of queries, and one combination of them, the next word, perhaps everywhere. So the leaf either
//! follows from the openings, where these places are enough to determine the polynomials, or one value of it at least is
//! uniform over the extension.
//!
//! Plonky3's `HidingFriPcs` puts five more uniform columns beside *each* matrix, and commits to five polynomials for each
//! table in a tree of their own. They are opened at the same points, so they cannot add to the above; they are a fifth of
//! a proof and of the prover's work.

use alloc::{vec, vec::Vec};
use core::{
    iter::repeat_n,
    sync::atomic::{AtomicBool, Ordering},
};

use p3_commit::{
    CommitmentOpening, MatrixOpening, OpenedValues, OpeningRequest, Pcs, PointOpening, UnivariateStarkPcs,
};
use p3_dft::{Radix2DitParallel, TwoAdicSubgroupDft};
use p3_field::{Field, PrimeCharacteristicRing, coset::TwoAdicMultiplicativeCoset};
use p3_fri::{FriParameters, FriProverError, TwoAdicFriPcs};
use p3_matrix::{Matrix, bitrev::BitReversibleMatrix, dense::RowMajorMatrix};
use rand::{SeedableRng, rngs::StdRng};
use spin::Mutex;

use crate::{
    air::F,
    config::{Challenge, ChallengeMmcs, Challenger, DEGREE, LOG_BLOWUP, Root, Trees},
    hash::Node,
    quotient::Split,
};

type Plain = TwoAdicFriPcs<F, Radix2DitParallel<F>, Trees, ChallengeMmcs>;
/// For each quotient the values of its parts but the first, and what shows all openings.
type Opening = (Vec<Vec<Vec<Challenge>>>, <Plain as Pcs<Challenge, Challenger>>::Proof);
type Claim = MatrixOpening<Challenge, Domain>;
type Domain = TwoAdicMultiplicativeCoset<F>;
type Table = RowMajorMatrix<F>;
type Tree = <Plain as Pcs<Challenge, Challenger>>::ProverData;

/// What the prover keeps of a commitment.
pub(crate) enum Committed {
    /// Tables and their tree, and whether they were opened.
    Tables(Tree, AtomicBool),
    /// Nothing: where the STARK's prover puts a commitment to uniform polynomials, one set for each of the tables whose
    /// quotients were split so, stands an empty one. Those that there are were committed with the quotients, for the
    /// first of the tallest tables.
    Elsewhere { splits: Vec<Split> },
}

impl Committed {
    const fn new(tree: Tree) -> Self {
        Self::Tables(tree, AtomicBool::new(false))
    }

    /// The tables, to be opened.
    fn open(&self) -> &Tree {
        if let Self::Tables(_, opened) = self {
            // A second opening would tell what masks hide.
            assert!(!opened.swap(true, Ordering::Relaxed), "masks serve one opening");
        }
        self.tree()
    }

    fn tree(&self) -> &Tree {
        match self {
            Self::Tables(tree, _) => tree,
            // The prover opens and evaluates what stands here nowhere but in `open`, which treats it apart.
            Self::Elsewhere { .. } => unreachable!("an empty commitment has no tables"),
        }
    }
}

/// What stands for the commitment that [`Committed::Elsewhere`] has none of.
pub(crate) fn no_commitment() -> Root {
    Root::new(vec![Node::default()])
}

/// Why an opening is refused.
#[derive(Debug)]
#[expect(dead_code, reason = "seen by whoever prints it")]
pub(crate) enum OpeningError {
    /// Not the rounds of a proof over tables.
    Rounds,
    /// A table has fewer masks than its openings tell values.
    FewMasks,
    /// Claims about a quotient of which its parts tell nothing.
    Claims,
    Fri(<Plain as Pcs<Challenge, Challenger>>::Error),
}

/// Elements of the base field that make a row unknown: 155 bits.
const LEAST_WIDTH: usize = 5;

/// Rounds of openings, as the STARK has them.
const UNIFORM: usize = 0;
const QUOTIENTS: usize = 2;

/// The first of the largest.
pub(crate) fn tallest(sizes: impl Iterator<Item = usize>) -> usize {
    let largest = sizes.enumerate().min_by_key(|(_, size)| core::cmp::Reverse(*size));
    largest.map_or(0, |(at, _)| at)
}

/// Commits to polynomials that tell nothing where they are opened.
///
/// What was committed can be opened once: masks are as many as one opening needs (`Level::least_log_height`).
pub(crate) struct MaskedFri {
    plain: Plain,
    transform: Radix2DitParallel<F>,
    queries: usize,
    rng: Mutex<StdRng>,
    /// The quotients of the proof that is made, in whatever order.
    splits: Mutex<Vec<Split>>,
}

/// A clone draws other masks.
impl Clone for MaskedFri {
    fn clone(&self) -> Self {
        Self {
            plain: self.plain.clone(),
            transform: self.transform.clone(),
            queries: self.queries,
            rng: Mutex::new(self.fork()),
            splits: Mutex::default(),
        }
    }
}

impl MaskedFri {
    /// `rng` is uniform and secret for a prover, anything for a verifier.
    pub(crate) fn new(trees: Trees, parameters: FriParameters<ChallengeMmcs>, rng: StdRng) -> Self {
        let (transform, queries) = (Radix2DitParallel::default(), parameters.num_queries);
        let plain = Plain::new(transform.clone(), trees, parameters);
        Self { plain, transform, queries, rng: Mutex::new(rng), splits: Mutex::default() }
    }

    /// Whether a table of so many rows has masks enough to be opened at so many points: twice the values that are seen of
    /// a column, an element of the base field a query and `DEGREE` a point.
    const fn hides(&self, rows: usize, points: usize) -> bool {
        rows >= 2 * self.seen(points)
    }

    /// How many values of a column are seen that is opened at so many points.
    const fn seen(&self, points: usize) -> usize {
        self.queries + DEGREE * points
    }

    /// A quotient is opened at one point. Another value of each part is for the leaves that nobody asks for.
    pub(crate) const fn split(&self, rows: usize, cosets: usize) -> Split {
        Split::new(rows, cosets, self.seen(1) + 1)
    }

    /// The openings of a quotient's parts, from what is claimed of it and the values of all parts but the first.
    fn parts(&self, claims: &[Claim], others: &[Vec<Challenge>]) -> Option<Vec<Claim>> {
        let (claim, rest) = claims.split_first()?;
        let split = self.split(claim.domain.size() / 2, claims.len());
        let is_part = |part: &Vec<Challenge>| part.len() == DEGREE;
        let is_nothing = |claim: &Claim| {
            claim.points.iter().flat_map(|at| &at.values).all(|value| *value == Challenge::ZERO)
        };
        let [PointOpening { point, values }] = &claim.points[..] else { return None };
        if others.len() + 1 != split.parts()
            || !others.iter().chain([values]).all(is_part)
            || !rest.iter().all(is_nothing)
        {
            return None;
        }
        let first = split.first(unshifted(*point), values, others);
        let parts = [first].into_iter().chain(others.iter().cloned());
        let at = |values| PointOpening { point: *point, values };
        Some(parts.map(|part| Claim { domain: claim.domain, points: vec![at(part)] }).collect())
    }

    /// A generator of its own, so that the lock is free before threads work: one of them may ask for masks as well.
    fn fork(&self) -> StdRng {
        StdRng::from_rng(&mut *self.rng.lock())
    }
}

/// `u` of `z = g u`.
fn unshifted(point: Challenge) -> Challenge {
    point * F::GENERATOR.inverse()
}

impl Pcs<Challenge, Challenger> for MaskedFri {
    type Domain = Domain;
    type Commitment = Root;
    type ProverData = Committed;
    type Proof = Opening;
    type Error = OpeningError;
    type ProverError = FriProverError;

    fn natural_domain_for_degree(&self, degree: usize) -> Domain {
        Pcs::<Challenge, Challenger>::natural_domain_for_degree(&self.plain, degree)
    }

    fn commit(
        &self,
        evaluations: impl IntoIterator<Item = (Domain, Table)>,
    ) -> Result<(Root, Committed), FriProverError> {
        let mut rng = self.fork();
        let masked = evaluations.into_iter().map(|(domain, table)| {
            assert!(self.hides(table.height(), 1), "chips are as tall as their level demands");
            assert!(
                table.width() >= LEAST_WIDTH,
                "a board has the range chip, or head, real, a value and a link"
            );
            // Rows of the table and of masks take turns: the domain is twice the table's.
            let width = table.width();
            let mut masked = table.with_random_cols(width, &mut rng);
            masked.width = width;
            (domain, masked)
        });
        let masked: Vec<_> = masked.collect();
        let (commitment, tree) = Pcs::<Challenge, Challenger>::commit(&self.plain, masked)?;
        Ok((commitment, Committed::new(tree)))
    }

    fn open(
        &self,
        rounds: Vec<OpeningRequest<'_, Committed, Challenge>>,
        challenger: &mut Challenger,
    ) -> Result<(OpenedValues<Challenge>, Self::Proof), FriProverError> {
        let Some((OpeningRequest { prover_data: Committed::Elsewhere { splits }, points }, rounds)) =
            rounds.split_first()
        else {
            unreachable!("the first round is that of the uniform polynomials");
        };
        let tallest = tallest(splits.iter().map(|split| split.rows));
        let point = points[tallest][0];
        let mut rounds: Vec<OpeningRequest<'_, Tree, Challenge>> =
            rounds.iter().map(|round| (round.prover_data.open(), round.points.clone()).into()).collect();
        let matrices = 1 + splits.iter().map(Split::parts).sum::<usize>();
        rounds[QUOTIENTS - 1].points = vec![vec![point]; matrices];
        let (mut opened, proof) = self.plain.open(rounds, challenger)?;
        // Values stand where the STARK's verifier looks for them; nothing reads the zeros.
        let nothing = vec![vec![Challenge::ZERO; DEGREE]];
        let (mut claims, mut others) = (Vec::new(), Vec::new());
        let mut values = core::mem::take(&mut opened[QUOTIENTS - 1]).into_iter().flatten();
        for split in splits {
            let mut parts: Vec<_> = values.by_ref().take(split.parts()).collect();
            claims.push(vec![split.claim(unshifted(point), &parts)]);
            claims.extend(repeat_n(nothing.clone(), split.cosets - 1));
            parts.remove(0);
            others.push(parts);
        }
        let mut uniform = vec![nothing; splits.len()];
        uniform[tallest] = values.collect();
        opened[QUOTIENTS - 1] = claims;
        opened.insert(UNIFORM, uniform);
        Ok((opened, (others, proof)))
    }

    fn verify(
        &self,
        mut rounds: Vec<CommitmentOpening<Challenge, Root, Domain>>,
        proof: &Self::Proof,
        challenger: &mut Challenger,
    ) -> Result<(), OpeningError> {
        if rounds.len() <= QUOTIENTS || rounds[UNIFORM].matrices.is_empty() {
            return Err(OpeningError::Rounds);
        }
        let mut matrices = rounds.iter().flat_map(|round| &round.matrices);
        if !matrices.all(|matrix| self.hides(matrix.domain.size() / 2, matrix.points.len())) {
            return Err(OpeningError::FewMasks);
        }
        let mut uniform = rounds.remove(UNIFORM).matrices;
        let tallest = tallest(uniform.iter().map(|matrix| matrix.domain.size()));
        let (others, proof) = proof;
        let claims = core::mem::take(&mut rounds[QUOTIENTS - 1].matrices);
        // No two tables have one height.
        let claims = claims.chunk_by(|one, next| one.domain.size() == next.domain.size());
        let mut others = others.iter();
        let parts = claims.map(|claims| self.parts(claims, others.next()?)).collect::<Option<Vec<_>>>();
        let mut parts = parts.filter(|_| others.next().is_none()).ok_or(OpeningError::Claims)?.concat();
        parts.push(uniform.swap_remove(tallest));
        rounds[QUOTIENTS - 1].matrices = parts;
        self.plain.verify(rounds, proof, challenger).map_err(OpeningError::Fri)
    }
}

impl UnivariateStarkPcs<Challenge, Challenger> for MaskedFri {
    type EvaluationsOnDomain<'a> =
        <Plain as UnivariateStarkPcs<Challenge, Challenger>>::EvaluationsOnDomain<'a>;

    const ZK: bool = true;

    fn log_max_trace_height(&self) -> usize {
        UnivariateStarkPcs::<Challenge, Challenger>::log_max_trace_height(&self.plain)
    }

    fn log_min_trace_height(&self) -> usize {
        UnivariateStarkPcs::<Challenge, Challenger>::log_min_trace_height(&self.plain)
    }

    fn get_quotient_ldes(
        &self,
        evaluations: impl IntoIterator<Item = (Domain, Table)>,
        _: usize,
    ) -> Result<Vec<Table>, FriProverError> {
        let (domains, cosets): (Vec<Domain>, Vec<Table>) = evaluations.into_iter().unzip();
        let (rows, width) = (cosets[0].height(), cosets[0].width());
        let split = self.split(rows, cosets.len());
        // Cosets take turns on the domain of the quotient.
        let mut values = Vec::with_capacity(cosets.len() * rows * width);
        for row in 0..rows {
            cosets.iter().for_each(|coset| values.extend_from_slice(&coset.values[row * width..][..width]));
        }
        let shift = domains[0].shift() / F::GENERATOR;
        let quotient = self.transform.coset_idft_batch(Table::new(values, width), shift);
        let parts = split.masked(&quotient, &mut self.fork()).into_iter().map(|mut part| {
            part.values.resize(part.values.len() << LOG_BLOWUP, F::ZERO);
            self.transform.dft_batch(part).bit_reverse_rows().to_row_major_matrix()
        });
        self.splits.lock().push(split);
        Ok(parts.collect())
    }

    /// Commits to the parts of all quotients and the uniform polynomials.
    fn commit_ldes(&self, mut ldes: Vec<Table>) -> Result<(Root, Committed), FriProverError> {
        let height = ldes.iter().map(Table::height).max().unwrap_or_default();
        let uniform = Table::rand(&mut self.fork(), height >> LOG_BLOWUP, DEGREE);
        let uniform = self.transform.coset_lde_batch(uniform, LOG_BLOWUP, F::GENERATOR);
        ldes.push(uniform.bit_reverse_rows().to_row_major_matrix());
        let (commitment, tree) = UnivariateStarkPcs::<Challenge, Challenger>::commit_ldes(&self.plain, ldes)?;
        Ok((commitment, Committed::new(tree)))
    }

    fn get_evaluations_on_domain<'a>(
        &self,
        committed: &'a Committed,
        at: usize,
        domain: Domain,
    ) -> Self::EvaluationsOnDomain<'a> {
        UnivariateStarkPcs::<Challenge, Challenger>::get_evaluations_on_domain(
            &self.plain,
            committed.tree(),
            at,
            domain,
        )
    }

    fn open_with_preprocessing(
        &self,
        rounds: Vec<OpeningRequest<'_, Committed, Challenge>>,
        challenger: &mut Challenger,
        _: Option<usize>,
    ) -> Result<(OpenedValues<Challenge>, Self::Proof), FriProverError> {
        self.open(rounds, challenger)
    }

    fn get_opt_randomization_poly_commitment(
        &self,
        domains: impl IntoIterator<Item = Domain>,
    ) -> Result<Option<(Root, Committed)>, FriProverError> {
        let sizes: Vec<usize> = domains.into_iter().map(|domain| domain.size()).collect();
        let known = core::mem::take(&mut *self.splits.lock());
        let splits = sizes.iter().filter_map(|size| known.iter().find(|split| 2 * split.rows == *size));
        Ok(Some((no_commitment(), Committed::Elsewhere { splits: splits.copied().collect() })))
    }

    fn build_periodic_lde_table(
        &self,
        columns: &[Vec<F>],
        trace_domain: Domain,
        quotient_domain: Domain,
    ) -> p3_commit::PeriodicLdeTable<F> {
        UnivariateStarkPcs::<Challenge, Challenger>::build_periodic_lde_table(
            &self.plain,
            columns,
            trace_domain,
            quotient_domain,
        )
    }
}

#[cfg(test)]
mod tests {
    use p3_uni_stark::StarkGenericConfig;

    use crate::config::{Level, config};

    #[test]
    fn the_least_chip_hides_what_is_seen_of_it_and_half_of_it_does_not() {
        for level in [Level::Fast, Level::Standard, Level::Paranoid] {
            let config = config(level, [0; 32]);
            let least = 1 << level.least_log_height();
            assert!(config.pcs().hides(least, 2) && !config.pcs().hides(least / 2, 2), "{level:?}");
        }
    }
}
