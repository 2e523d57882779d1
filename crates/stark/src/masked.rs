//! The polynomial commitment: FRI over masked polynomials.
//!
//! **Masks.** A column of `n` rows is committed as a polynomial of degree below `2n` that has the column's values on the
//! trace domain `H` and uniform ones on the other half of the domain of `2n` points. Part `i` of a quotient, of degree
//! below `n` on its coset `H_i`, is committed as `q_i + v_i · t_i`, where `v_i` vanishes on `H_i` and the uniform `t_i`
//! of degree below `n` satisfy `sum c_i · t_i = 0`, so that the parts put together are the quotient still (Haböck, Al
//! Kindi: "A note on adding zero-knowledge to STARKs", 2024, section 4.2).
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
//! Plonky3's `HidingFriPcs` puts five more uniform columns beside *each* matrix, and commits to five polynomials for each
//! table in a tree of their own. They are opened at the same points, so they cannot add to the above; they are a fifth of
//! a proof and of the prover's work.

use alloc::{vec, vec::Vec};
use core::{
    iter::repeat_n,
    sync::atomic::{AtomicBool, Ordering},
};

use p3_commit::{CommitmentOpening, OpenedValues, OpeningRequest, Pcs, PolynomialSpace, UnivariateStarkPcs};
use p3_dft::{Radix2DitParallel, TwoAdicSubgroupDft};
use p3_field::{
    Field, PrimeCharacteristicRing, batch_multiplicative_inverse, coset::TwoAdicMultiplicativeCoset,
};
use p3_fri::{FriParameters, FriProverError, TwoAdicFriPcs};
use p3_matrix::{Matrix, bitrev::BitReversibleMatrix, dense::RowMajorMatrix};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use spin::Mutex;

use crate::{
    air::F,
    config::{Challenge, ChallengeMmcs, Challenger, DEGREE, LOG_BLOWUP},
    salted::{Cap, Node, SaltedTrees},
};

type Plain = TwoAdicFriPcs<F, Radix2DitParallel<F>, SaltedTrees, ChallengeMmcs>;
type Opening = <Plain as Pcs<Challenge, Challenger>>::Proof;
type Domain = TwoAdicMultiplicativeCoset<F>;
type Table = RowMajorMatrix<F>;
type Trees = <Plain as Pcs<Challenge, Challenger>>::ProverData;

/// What the prover keeps of a commitment.
pub(crate) enum Committed {
    /// Tables and their trees, and whether they were opened.
    Tables(Trees, AtomicBool),
    /// Nothing: where the STARK's prover puts a commitment to uniform polynomials, one set for each of so many tables,
    /// stands an empty one. Those that there are were committed with the quotients, for the table at this index.
    Elsewhere { tables: usize, tallest: usize },
}

impl Committed {
    const fn new(trees: Trees) -> Self {
        Self::Tables(trees, AtomicBool::new(false))
    }

    /// The tables, to be opened.
    fn open(&self) -> &Trees {
        if let Self::Tables(_, opened) = self {
            // A second opening would tell what masks hide.
            assert!(!opened.swap(true, Ordering::Relaxed), "masks serve one opening");
        }
        self.trees()
    }

    fn trees(&self) -> &Trees {
        match self {
            Self::Tables(trees, _) => trees,
            // The prover opens and evaluates what stands here nowhere but in `open`, which treats it apart.
            Self::Elsewhere { .. } => unreachable!("an empty commitment has no tables"),
        }
    }
}

/// What stands for the commitment that [`Committed::Elsewhere`] has none of.
pub(crate) fn no_commitment() -> Cap {
    Cap::new(vec![Node::default()])
}

/// Why an opening is refused.
#[derive(Debug)]
#[expect(dead_code, reason = "seen by whoever prints it")]
pub(crate) enum OpeningError {
    /// Not the rounds of a proof over tables.
    Rounds,
    /// A table has fewer masks than its openings tell values.
    FewMasks,
    Fri(<Plain as Pcs<Challenge, Challenger>>::Error),
}

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
}

/// A clone draws other masks.
impl Clone for MaskedFri {
    fn clone(&self) -> Self {
        Self {
            plain: self.plain.clone(),
            transform: self.transform.clone(),
            queries: self.queries,
            rng: Mutex::new(self.fork()),
        }
    }
}

impl MaskedFri {
    /// `rng` is uniform and secret for a prover, anything for a verifier.
    pub(crate) fn new(leaves: SaltedTrees, parameters: FriParameters<ChallengeMmcs>, rng: StdRng) -> Self {
        let (transform, queries) = (Radix2DitParallel::default(), parameters.num_queries);
        let plain = Plain::new(transform.clone(), leaves, parameters);
        Self { plain, transform, queries, rng: Mutex::new(rng) }
    }

    /// Whether a table of so many rows has masks enough to be opened at so many points: twice the values that are seen of
    /// a column, an element of the base field a query and `DEGREE` a point.
    const fn hides(&self, rows: usize, points: usize) -> bool {
        rows >= 2 * (self.queries + DEGREE * points)
    }

    /// A generator of its own, so that the lock is free before threads work: one of them may ask for masks as well.
    fn fork(&self) -> StdRng {
        StdRng::from_rng(&mut *self.rng.lock())
    }

    /// The values of `q + v · t` on the domain of the low-degree test, in bit-reversed order; `mask` has the
    /// coefficients of `t(g X)`, row by row.
    fn masked_part(&self, domain: Domain, part: Table, mask: &[F]) -> Table {
        let (rows, width) = (part.height(), part.width());
        // Coefficients of q(g X): those of q on its coset, moved to the coset of the test.
        let shift = F::GENERATOR / domain.shift();
        let mut coefficients = self.transform.coset_idft_batch(part, shift.inverse()).values;
        coefficients.resize((2 * rows * width) << LOG_BLOWUP, F::ZERO);
        // v(g X) = shift^n X^n - 1.
        let power = shift.exp_u64(rows as u64);
        let (low, high) = coefficients.split_at_mut(rows * width);
        for ((low, high), mask) in low.iter_mut().zip(high).zip(mask) {
            *low -= *mask;
            *high += power * *mask;
        }
        let values = self.transform.dft_batch(Table::new(coefficients, width));
        values.bit_reverse_rows().to_row_major_matrix()
    }
}

/// The factors `c_i = 1 / prod_{j != i} v_j(H_i)` with which parts on these domains are put together.
fn weights(domains: &[Domain]) -> Vec<F> {
    let others = |(at, domain): (usize, &Domain)| {
        let vanishing = domains
            .iter()
            .enumerate()
            .filter(|(other, _)| *other != at)
            .map(|(_, other)| other.vanishing_poly_at_point(domain.first_point()));
        vanishing.product()
    };
    batch_multiplicative_inverse(&domains.iter().enumerate().map(others).collect::<Vec<F>>())
}

impl Pcs<Challenge, Challenger> for MaskedFri {
    type Domain = Domain;
    type Commitment = Cap;
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
    ) -> Result<(Cap, Committed), FriProverError> {
        let mut rng = self.fork();
        let masked = evaluations.into_iter().map(|(domain, table)| {
            assert!(self.hides(table.height(), 1), "chips are as tall as their level demands");
            // Rows of the table and of masks take turns: the domain is twice the table's.
            let width = table.width();
            let mut masked = table.with_random_cols(width, &mut rng);
            masked.width = width;
            (domain, masked)
        });
        let masked: Vec<_> = masked.collect();
        let (commitment, trees) = Pcs::<Challenge, Challenger>::commit(&self.plain, masked)?;
        Ok((commitment, Committed::new(trees)))
    }

    fn open(
        &self,
        rounds: Vec<OpeningRequest<'_, Committed, Challenge>>,
        challenger: &mut Challenger,
    ) -> Result<(OpenedValues<Challenge>, Self::Proof), FriProverError> {
        let Some((OpeningRequest { prover_data: Committed::Elsewhere { tables, tallest }, points }, rounds)) =
            rounds.split_first()
        else {
            unreachable!("the first round is that of the uniform polynomials");
        };
        let mut rounds: Vec<OpeningRequest<'_, Trees, Challenge>> =
            rounds.iter().map(|round| (round.prover_data.open(), round.points.clone()).into()).collect();
        // Their values stand in the round where the verifier looks for them; those of other tables are zeros that
        // nothing reads.
        rounds[QUOTIENTS - 1].points.push(points[*tallest].clone());
        let (mut opened, proof) = self.plain.open(rounds, challenger)?;
        let uniform = opened[QUOTIENTS - 1].pop().into_iter().flatten().flatten().collect();
        let mut values = vec![vec![vec![Challenge::ZERO; DEGREE]]; *tables];
        values[*tallest] = vec![uniform];
        opened.insert(UNIFORM, values);
        Ok((opened, proof))
    }

    fn verify(
        &self,
        mut rounds: Vec<CommitmentOpening<Challenge, Cap, Domain>>,
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
        rounds[QUOTIENTS - 1].matrices.push(uniform.swap_remove(tallest));
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
        let mut rng = self.fork();
        let (domains, parts): (Vec<Domain>, Vec<Table>) = evaluations.into_iter().unzip();
        let weights = weights(&domains);
        // One part would have no mask: its sum must be zero.
        assert!(parts.len() > 1, "a quotient has several parts");
        let last = parts.len() - 1;
        let mut last_mask: Vec<F> = repeat_n(F::ZERO, parts[last].values.len()).collect();
        let masked = domains.into_iter().zip(parts).enumerate().map(|(at, (domain, part))| {
            if at == last {
                return self.masked_part(domain, part, &last_mask);
            }
            let mask: Vec<F> = part.values.iter().map(|_| rng.random()).collect();
            let weight = weights[at] / weights[last];
            last_mask.iter_mut().zip(&mask).for_each(|(sum, value)| *sum -= weight * *value);
            self.masked_part(domain, part, &mask)
        });
        Ok(masked.collect())
    }

    /// Commits to the parts of all quotients and the uniform polynomials.
    fn commit_ldes(&self, mut ldes: Vec<Table>) -> Result<(Cap, Committed), FriProverError> {
        let height = ldes.iter().map(Table::height).max().unwrap_or_default();
        let uniform = Table::rand(&mut self.fork(), height >> LOG_BLOWUP, DEGREE);
        let uniform = self.transform.coset_lde_batch(uniform, LOG_BLOWUP, F::GENERATOR);
        ldes.push(uniform.bit_reverse_rows().to_row_major_matrix());
        let (commitment, trees) =
            UnivariateStarkPcs::<Challenge, Challenger>::commit_ldes(&self.plain, ldes)?;
        Ok((commitment, Committed::new(trees)))
    }

    fn get_evaluations_on_domain<'a>(
        &self,
        committed: &'a Committed,
        at: usize,
        domain: Domain,
    ) -> Self::EvaluationsOnDomain<'a> {
        UnivariateStarkPcs::<Challenge, Challenger>::get_evaluations_on_domain(
            &self.plain,
            committed.trees(),
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
    ) -> Result<Option<(Cap, Committed)>, FriProverError> {
        let sizes: Vec<usize> = domains.into_iter().map(|domain| domain.size()).collect();
        let tallest = tallest(sizes.iter().copied());
        Ok(Some((no_commitment(), Committed::Elsewhere { tables: sizes.len(), tallest })))
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
