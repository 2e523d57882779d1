//! The polynomial commitment: FRI over masked polynomials.
//!
//! **Masks.** A column of `n` rows is committed as `t + (X^n - 1) r`: `t` of degree below `n` has the column's values on
//! the trace domain, and `r` is uniform of degree below `h`, one more than the values that openings tell of it. They tell
//! values outside the trace domain: one in the base field a query, and one in the extension at each of two points, which
//! is as much as five at the point and its conjugates. Any `h` such values are uniform, because `X^n - 1` is not zero
//! there and `r` takes any `h` values at `h` points. Those of quotients are in `quotient`.
//!
//! **Degrees.** So committed polynomials have degree below `n + h`, and the low-degree test shows degree below
//! `n + n / 8` on `8 n` points: the polynomial that folding ends with has that part of its domain's length. Plonky3
//! reckons in powers of two, here with `2n` on `8n` points; that the other coefficients of its last polynomial are zero
//! is up to `proof`, which has no place for them.
//!
//! **The word that is folded.** With the parts of quotients are committed five uniform polynomials `R_0 … R_4` over the
//! base field, of degree below `n + n / 8` for the tallest table's `n`, opened at the point `z` of the quotients. In the batch
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
use p3_field::{Field, PrimeCharacteristicRing, TwoAdicField, coset::TwoAdicMultiplicativeCoset};
use p3_fri::{FriParameters, FriProverError, TwoAdicFriPcs};
use p3_matrix::{Matrix, bitrev::BitReversibleMatrix, dense::RowMajorMatrix};
use p3_maybe_rayon::prelude::*;
use rand::{SeedableRng, rngs::StdRng};
use spin::Mutex;

use crate::{
    air::F,
    config::{Challenge, ChallengeMmcs, Challenger, DEGREE, LOG_BLOWUP, Level, POINTS, Root, Trees, room},
    quotient::Split,
};

type Plain = TwoAdicFriPcs<F, Radix2DitParallel<F>, Trees, ChallengeMmcs>;
type Claim = MatrixOpening<Challenge, Domain>;
type Domain = TwoAdicMultiplicativeCoset<F>;
type Table = RowMajorMatrix<F>;
type Tree = <Plain as Pcs<Challenge, Challenger>>::ProverData;

/// What shows openings: for each quotient the values of its parts but the first, the values of the uniform polynomials,
/// and the low-degree test.
type Opening = (Vec<Vec<Vec<Challenge>>>, Vec<Challenge>, <Plain as Pcs<Challenge, Challenger>>::Proof);

/// What the prover keeps of a commitment.
pub(crate) struct Committed {
    tree: Tree,
    /// Of which quotients this commits to the parts.
    splits: Vec<Split>,
    opened: AtomicBool,
}

impl Committed {
    const fn new(tree: Tree, splits: Vec<Split>) -> Self {
        Self { tree, splits, opened: AtomicBool::new(false) }
    }

    /// The tables, to be opened.
    fn open(&self) -> &Tree {
        // A second opening would tell what masks hide.
        assert!(!self.opened.swap(true, Ordering::Relaxed), "masks serve one opening");
        &self.tree
    }
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

/// The round of quotients among those of openings, as the STARK has them.
const QUOTIENTS: usize = 1;

/// Commits to polynomials that tell nothing where they are opened.
///
/// What was committed can be opened once: masks are as many as one opening needs.
pub(crate) struct MaskedFri {
    plain: Plain,
    transform: Radix2DitParallel<F>,
    /// Masks of each column.
    masks: usize,
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
            masks: self.masks,
            rng: Mutex::new(self.fork()),
            splits: Mutex::default(),
        }
    }
}

impl MaskedFri {
    /// `rng` is uniform and secret for a prover, anything for a verifier.
    pub(crate) fn new(
        level: Level,
        trees: Trees,
        parameters: FriParameters<ChallengeMmcs>,
        rng: StdRng,
    ) -> Self {
        let transform = Radix2DitParallel::default();
        let plain = Plain::new(transform.clone(), trees, parameters);
        let (rng, splits) = (Mutex::new(rng), Mutex::default());
        Self { plain, transform, masks: level.masks(), rng, splits }
    }

    /// Whether a table of so many rows has room for masks enough to be opened at so many points.
    const fn hides(&self, rows: usize, points: usize) -> bool {
        points <= POINTS && rows + self.masks <= room(rows)
    }

    pub(crate) const fn split(&self, rows: usize, cosets: usize) -> Split {
        Split::new(rows, cosets, self.masks)
    }

    /// The coefficients of a table's columns with their masks: the first as many as there are rows, and the others.
    fn masked(&self, table: Table, rng: &mut StdRng) -> (Table, Table) {
        let masks = Table::rand(rng, self.masks, table.width());
        let mut low = self.transform.idft_batch(table);
        low.values.iter_mut().zip(&masks.values).for_each(|(low, mask)| *low -= *mask);
        (low, masks)
    }

    /// The values of polynomials on `shift` times the domain of the low-degree test, from their first `n` coefficients and
    /// the others. Rows are in bit-reversed order.
    fn extend(&self, low: &Table, high: &[F], shift: F) -> Table {
        const COSETS: usize = 1 << LOG_BLOWUP;
        let (rows, len) = (low.height(), low.values.len());
        let step = F::two_adic_generator(rows.ilog2() as usize + LOG_BLOWUP);
        let mut values = F::zero_vec(len << LOG_BLOWUP);
        // Two threads or more; each has one buffer, which is what takes the time of fresh memory.
        values.par_chunks_mut(len * COSETS / 2).enumerate().for_each(|(half, values)| {
            let mut buffer = Vec::with_capacity(len);
            for (at, values) in values.chunks_mut(len).enumerate() {
                // On a coset `X^n` is one value, so what is beyond `n` coefficients folds onto the others.
                let coset = (half * COSETS / 2 + at).reverse_bits() >> (usize::BITS as usize - LOG_BLOWUP);
                let shift = shift * step.exp_u64(coset as u64);
                let power = shift.exp_u64(rows as u64);
                buffer.clear();
                buffer.extend_from_slice(&low.values);
                buffer.iter_mut().zip(high).for_each(|(low, high)| *low += power * *high);
                let folded = Table::new(core::mem::take(&mut buffer), low.width);
                buffer = self.transform.coset_dft_batch(folded, shift).bit_reverse_rows().values;
                values.copy_from_slice(&buffer);
            }
        });
        Table::new(values, low.width)
    }

    /// The openings of a quotient's parts, from what is claimed of it and the values of all parts but the first.
    fn parts(&self, claims: &[Claim], others: &[Vec<Challenge>]) -> Option<Vec<Claim>> {
        let (claim, rest) = claims.split_first()?;
        let split = self.split(claim.domain.size(), claims.len());
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

/// The domain of all coefficients that Plonky3 reckons with for a table.
fn told(domain: &Domain) -> Domain {
    // Heights are bounded by `log_max_trace_height`.
    Domain::new(F::ONE, domain.log_size() + 1).unwrap_or(*domain)
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
        let extended = evaluations.into_iter().map(|(_, table)| {
            assert!(self.hides(table.height(), POINTS), "chips are as tall as their level demands");
            assert!(
                table.width() >= LEAST_WIDTH,
                "a board has the range chip, or head, real, a value and a link"
            );
            let (low, masks) = self.masked(table, &mut rng);
            self.extend(&low, &masks.values, F::GENERATOR)
        });
        let extended: Vec<_> = extended.collect();
        let (commitment, tree) =
            UnivariateStarkPcs::<Challenge, Challenger>::commit_ldes(&self.plain, extended)?;
        Ok((commitment, Committed::new(tree, Vec::new())))
    }

    fn open(
        &self,
        rounds: Vec<OpeningRequest<'_, Committed, Challenge>>,
        challenger: &mut Challenger,
    ) -> Result<(OpenedValues<Challenge>, Self::Proof), FriProverError> {
        let quotients = &rounds[QUOTIENTS];
        let (splits, point) = (&quotients.prover_data.splits, quotients.points[0][0]);
        let matrices = 1 + splits.iter().map(Split::parts).sum::<usize>();
        let mut requests: Vec<OpeningRequest<'_, Tree, Challenge>> =
            rounds.iter().map(|round| (round.prover_data.open(), round.points.clone()).into()).collect();
        requests[QUOTIENTS].points = vec![vec![point]; matrices];
        let (mut opened, fri) = self.plain.open(requests, challenger)?;
        // Values stand where the STARK's verifier looks for them; nothing reads the zeros.
        let nothing = vec![vec![Challenge::ZERO; DEGREE]];
        let (mut claims, mut parts) = (Vec::new(), Vec::new());
        let mut values = core::mem::take(&mut opened[QUOTIENTS]).into_iter().flatten();
        for split in splits {
            let mut all: Vec<_> = values.by_ref().take(split.parts()).collect();
            claims.push(vec![split.claim(unshifted(point), &all)]);
            claims.extend(repeat_n(nothing.clone(), split.cosets - 1));
            all.remove(0);
            parts.push(all);
        }
        let uniform = values.next().unwrap_or_default();
        opened[QUOTIENTS] = claims;
        Ok((opened, (parts, uniform, fri)))
    }

    fn verify(
        &self,
        mut rounds: Vec<CommitmentOpening<Challenge, Root, Domain>>,
        proof: &Self::Proof,
        challenger: &mut Challenger,
    ) -> Result<(), OpeningError> {
        let tables = || rounds.iter().flat_map(|round| &round.matrices);
        if rounds.len() <= QUOTIENTS || rounds[QUOTIENTS].matrices.is_empty() {
            return Err(OpeningError::Rounds);
        }
        if !tables().all(|table| self.hides(table.domain.size(), table.points.len())) {
            return Err(OpeningError::FewMasks);
        }
        let (parts, values, fri) = proof;
        let claims = core::mem::take(&mut rounds[QUOTIENTS].matrices);
        // The uniform polynomials are opened where quotients are, and are as long as the tallest.
        let tallest = claims.iter().max_by_key(|claim| claim.domain.size());
        let uniform = tallest.and_then(|claim| {
            let [PointOpening { point, .. }] = &claim.points[..] else { return None };
            let at = PointOpening { point: *point, values: values.clone() };
            (values.len() == DEGREE).then(|| Claim { domain: claim.domain, points: vec![at] })
        });
        // No two tables have one height.
        let claims = claims.chunk_by(|one, next| one.domain.size() == next.domain.size());
        let mut others = parts.iter();
        let parts = claims.map(|claims| self.parts(claims, others.next()?)).collect::<Option<Vec<_>>>();
        let parts = parts.filter(|_| others.next().is_none()).ok_or(OpeningError::Claims)?;
        let uniform = uniform.ok_or(OpeningError::Claims)?;
        rounds[QUOTIENTS].matrices = parts.into_iter().flatten().chain([uniform]).collect();
        for table in rounds.iter_mut().flat_map(|round| &mut round.matrices) {
            table.domain = told(&table.domain);
        }
        self.plain.verify(rounds, fri, challenger).map_err(OpeningError::Fri)
    }
}

impl UnivariateStarkPcs<Challenge, Challenger> for MaskedFri {
    type EvaluationsOnDomain<'a> =
        <Plain as UnivariateStarkPcs<Challenge, Challenger>>::EvaluationsOnDomain<'a>;

    /// The STARK's prover need not know of masks: constraints have the degrees that it counts, because polynomials are
    /// hardly longer than tables, and uniform polynomials are committed here.
    const ZK: bool = false;

    fn log_max_trace_height(&self) -> usize {
        UnivariateStarkPcs::<Challenge, Challenger>::log_max_trace_height(&self.plain) - 1
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
        let parts = split.masked(&quotient, &mut self.fork());
        self.splits.lock().push(split);
        let extended = parts.into_iter().map(|mut low| {
            let high = low.values.split_off(rows * width);
            self.extend(&low, &high, F::ONE)
        });
        Ok(extended.collect())
    }

    /// Commits to the parts of all quotients and the uniform polynomials.
    fn commit_ldes(&self, mut ldes: Vec<Table>) -> Result<(Root, Committed), FriProverError> {
        let rows = |table: &Table| table.height() >> LOG_BLOWUP;
        let known = core::mem::take(&mut *self.splits.lock());
        // No two tables have one height.
        let heights = ldes.chunk_by(|one, next| one.height() == next.height()).map(|parts| rows(&parts[0]));
        let splits = heights.filter_map(|rows| known.iter().find(|split| split.rows == rows).copied());
        let splits: Vec<Split> = splits.collect();
        let tallest = ldes.iter().map(rows).max().unwrap_or_default();
        let mut uniform = Table::rand(&mut self.fork(), room(tallest), DEGREE);
        let high = uniform.values.split_off(tallest * DEGREE);
        ldes.push(self.extend(&uniform, &high, F::GENERATOR));
        let (commitment, tree) = UnivariateStarkPcs::<Challenge, Challenger>::commit_ldes(&self.plain, ldes)?;
        Ok((commitment, Committed::new(tree, splits)))
    }

    fn get_evaluations_on_domain<'a>(
        &self,
        committed: &'a Committed,
        at: usize,
        domain: Domain,
    ) -> Self::EvaluationsOnDomain<'a> {
        UnivariateStarkPcs::<Challenge, Challenger>::get_evaluations_on_domain(
            &self.plain,
            &committed.tree,
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

    use super::*;
    use crate::config::{FINAL, config};

    #[test]
    fn the_least_chip_hides_what_is_seen_of_it_and_half_of_it_does_not() {
        for level in [Level::Fast, Level::Standard, Level::Paranoid] {
            let config = config(level, [0; 32]);
            let least = 1 << level.least_log_height();
            assert!(config.pcs().hides(least, 2) && !config.pcs().hides(least / 2, 2), "{level:?}");
            assert!(!config.pcs().hides(least, 3), "{level:?}");
        }
    }

    #[test]
    fn extensions_are_values_of_the_polynomials() {
        let (config, mut rng, rows) = (config(Level::Fast, [0; 32]), StdRng::seed_from_u64(3), 64);
        let coefficients = Table::rand(&mut rng, room(rows), 3);
        let mut low = coefficients.clone();
        let high = low.values.split_off(rows * 3);
        let found = config.pcs().extend(&low, &high, F::GENERATOR);
        let mut padded = coefficients;
        padded.values.resize((rows * 3) << LOG_BLOWUP, F::ZERO);
        let wanted = config.pcs().transform.coset_dft_batch(padded, F::GENERATOR);
        assert_eq!(found, wanted.bit_reverse_rows().to_row_major_matrix());
    }

    /// A table with its masks keeps its rows on the trace domain.
    #[test]
    fn masks_change_no_row() {
        let (config, mut rng, rows) = (config(Level::Fast, [0; 32]), StdRng::seed_from_u64(4), 256);
        let table = Table::rand(&mut rng, rows, 5);
        let (low, masks) = config.pcs().masked(table.clone(), &mut rng);
        assert!(masks.values.iter().all(|mask| *mask != F::ZERO));
        let found = config.pcs().extend(&low, &masks.values, F::ONE);
        // With the shift one the first coset is the trace domain.
        let first = Table::new(found.values[..rows * 5].to_vec(), 5);
        assert_eq!(first.bit_reverse_rows().to_row_major_matrix(), table);
    }

    /// Whether a table of so many coefficients leaves nothing beyond the last polynomial's bound, and whether it is
    /// accepted without what it leaves.
    fn judged(coefficients: usize) -> (bool, bool) {
        let (config, mut rng) = (config(Level::Fast, [0; 32]), StdRng::seed_from_u64(5));
        let (plain, rows) = (&config.pcs().plain, 1 << Level::Fast.least_log_height());
        let mut table = Table::rand(&mut rng, coefficients, LEAST_WIDTH);
        table.values.resize((rows * LEAST_WIDTH) << LOG_BLOWUP, F::ZERO);
        let values = config.pcs().transform.coset_dft_batch(table, F::GENERATOR).bit_reverse_rows();
        let (root, tree) = UnivariateStarkPcs::<Challenge, Challenger>::commit_ldes(
            plain,
            vec![values.to_row_major_matrix()],
        )
        .expect("a commitment");
        let point = Challenge::from(F::from_u32(12345));
        let request = (&tree, vec![vec![point]]).into();
        let (opened, mut fri) =
            plain.open(vec![request], &mut config.initialise_challenger()).expect("openings");
        let tail = &mut fri.final_poly[FINAL..];
        let nothing = tail.iter().all(|coefficient| *coefficient == Challenge::ZERO);
        tail.fill(Challenge::ZERO);
        let domain = told(&config.pcs().natural_domain_for_degree(rows));
        let claim = (root, vec![(domain, vec![(point, opened[0][0][0].clone())])]).into();
        let accepted = plain.verify(vec![claim], &fri, &mut config.initialise_challenger()).is_ok();
        (nothing, accepted)
    }

    /// What bounds degrees is that the last polynomial has no more coefficients than its bound.
    #[test]
    fn longer_polynomials_are_refused() {
        let rows = 1 << Level::Fast.least_log_height();
        assert_eq!(judged(room(rows)), (true, true));
        assert_eq!(judged(room(rows) + 1 + (rows >> 5)), (false, false));
        assert_eq!(judged(2 * rows), (false, false));
    }
}
