//! Hiding Merkle trees.
//!
//! A leaf of a Merkle tree over matrices of several heights is the hash of one row of each matrix of one height. It
//! hides them if something uniform is hashed with them (Ben-Sasson, Chiesa, Spooner: "Interactive Oracle Proofs",
//! 2016, section 3): **one** salt a leaf, whatever the number of matrices. Plonky3's `MerkleTreeHidingMmcs` salts each
//! matrix of a leaf, which for the forty matrices of a proof here is a tenth of its length and of its hashing.

use alloc::vec::Vec;

use p3_commit::{BatchOpening, BatchOpeningRef, Mmcs};
use p3_matrix::{Dimensions, Matrix, dense::RowMajorMatrix, stack::HorizontalPair};
use p3_merkle_tree::{MerkleTreeError, MerkleTreeMmcs, PrunedMerklePaths};
use p3_symmetric::MerkleCap;
use rand::{SeedableRng as _, rngs::StdRng};
use spin::Mutex;

use crate::{
    air::F,
    config::{CAP_HEIGHT, Compress, Hash},
};

/// Random field elements in each leaf: 155 bits.
pub(crate) const LEAF_SALT: usize = 5;

type Tree = MerkleTreeMmcs<F, u8, Hash, Compress, 2, 32>;

/// A hash in a tree.
pub(crate) type Node = [u8; 32];
/// Siblings on the paths of several leaves, each once.
pub(crate) type Paths = PrunedMerklePaths<u8, 32>;
/// The commitment to a tree: its nodes at one level.
pub(crate) type Cap = MerkleCap<F, Node>;

/// Commits to matrices by Merkle trees whose leaves tell nothing.
#[derive(Debug)]
pub(crate) struct SaltedTrees {
    inner: Tree,
    rng: Mutex<StdRng>,
}

impl SaltedTrees {
    /// `rng` is uniform and secret for a prover, anything for a verifier.
    pub(crate) const fn new(hash: Hash, compress: Compress, rng: StdRng) -> Self {
        Self { inner: MerkleTreeMmcs::new(hash, compress, CAP_HEIGHT), rng: Mutex::new(rng) }
    }
}

/// A clone draws other salts.
impl Clone for SaltedTrees {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), rng: Mutex::new(StdRng::from_rng(&mut *self.rng.lock())) }
    }
}

/// Which of the matrices of these heights carry the salt: the first of each height.
pub(crate) fn carriers(heights: impl IntoIterator<Item = usize>) -> Vec<bool> {
    let mut seen = Vec::new();
    heights
        .into_iter()
        .map(|height| {
            let first = !seen.contains(&height);
            seen.push(height);
            first
        })
        .collect()
}

/// The salts of one query: an element for each matrix, empty where it carries none.
type Salts = Vec<Vec<F>>;

impl Mmcs<F> for SaltedTrees {
    type ProverData<M> = <Tree as Mmcs<F>>::ProverData<HorizontalPair<M, RowMajorMatrix<F>>>;
    type Commitment = Cap;
    type Proof = (Salts, Vec<Node>);
    type MultiProof = (Vec<Salts>, Paths);
    type Error = MerkleTreeError;

    fn commit<M: Matrix<F>>(&self, inputs: Vec<M>) -> (Self::Commitment, Self::ProverData<M>) {
        let carriers = carriers(inputs.iter().map(Matrix::height));
        // The lock is free again before threads hash: one of them may be asked to commit as well.
        let salted = {
            let mut rng = self.rng.lock();
            let pair = |(left, carries): (M, bool)| {
                let width = if carries { LEAF_SALT } else { 0 };
                let right = RowMajorMatrix::rand(&mut *rng, left.height(), width);
                HorizontalPair { left, right }
            };
            inputs.into_iter().zip(carriers).map(pair).collect()
        };
        self.inner.commit(salted)
    }

    fn open_batch<M: Matrix<F>>(&self, index: usize, data: &Self::ProverData<M>) -> BatchOpening<F, Self> {
        let (rows, siblings) = self.inner.open_batch(index, data).unpack();
        let (rows, salts) = self.split(rows, data);
        BatchOpening::new(rows, (salts, siblings))
    }

    fn get_matrices<'a, M: Matrix<F>>(&self, data: &'a Self::ProverData<M>) -> Vec<&'a M> {
        self.inner.get_matrices(data).into_iter().map(|matrix| &matrix.left).collect()
    }

    fn verify_batch(
        &self,
        commit: &Self::Commitment,
        dimensions: &[Dimensions],
        index: usize,
        opening: BatchOpeningRef<'_, F, Self>,
    ) -> Result<(), Self::Error> {
        let (rows, (salts, siblings)) = opening.unpack();
        let (dimensions, rows) = join(dimensions, rows, salts)?;
        self.inner.verify_batch(commit, &dimensions, index, BatchOpeningRef::new(&rows, siblings))
    }

    fn open_multi_batch<M: Matrix<F>>(
        &self,
        indices: &[usize],
        data: &Self::ProverData<M>,
    ) -> (Vec<Vec<Vec<F>>>, Self::MultiProof) {
        let (rows, paths) = self.inner.open_multi_batch(indices, data);
        let (rows, salts) = rows.into_iter().map(|rows| self.split(rows, data)).unzip();
        (rows, (salts, paths))
    }

    fn verify_multi_batch<Row: AsRef<[F]> + PartialEq>(
        &self,
        commit: &Self::Commitment,
        dimensions: &[Dimensions],
        indices: &[usize],
        opened: &[Vec<Row>],
        (salts, paths): &Self::MultiProof,
    ) -> Result<(), Self::Error> {
        if opened.len() != salts.len() {
            return Err(MerkleTreeError::WrongBatchSize { expected: opened.len(), got: salts.len() });
        }
        let mut salted = (dimensions.to_vec(), Vec::with_capacity(opened.len()));
        for (rows, salts) in opened.iter().zip(salts) {
            let (dimensions, rows) = join(dimensions, rows, salts)?;
            salted.0 = dimensions;
            salted.1.push(rows);
        }
        self.inner.verify_multi_batch(commit, &salted.0, indices, &salted.1, paths)
    }
}

impl SaltedTrees {
    /// Opened rows without their salts, and these.
    fn split<M: Matrix<F>>(
        &self,
        rows: Vec<Vec<F>>,
        data: &<Self as Mmcs<F>>::ProverData<M>,
    ) -> (Vec<Vec<F>>, Salts) {
        let widths = self.inner.get_matrices(data).into_iter().map(|matrix| matrix.left.width());
        let cut = |(mut row, width): (Vec<F>, usize)| {
            let salt = row.split_off(width);
            (row, salt)
        };
        rows.into_iter().zip(widths).map(cut).unzip()
    }
}

/// Opened rows with their salts as they were hashed, and the dimensions of what was committed.
fn join<Row: AsRef<[F]>>(
    dimensions: &[Dimensions],
    rows: &[Row],
    salts: &[Vec<F>],
) -> Result<(Vec<Dimensions>, Vec<Vec<F>>), MerkleTreeError> {
    for len in [rows.len(), salts.len()] {
        if len != dimensions.len() {
            return Err(MerkleTreeError::WrongBatchSize { expected: dimensions.len(), got: len });
        }
    }
    let carriers = carriers(dimensions.iter().map(|matrix| matrix.height));
    let mut joined = (Vec::with_capacity(rows.len()), Vec::with_capacity(rows.len()));
    for (matrix, (dimensions, carries)) in dimensions.iter().zip(carriers).enumerate() {
        let (row, salt) = (rows[matrix].as_ref(), &salts[matrix]);
        let width = if carries { LEAF_SALT } else { 0 };
        // The tree sees rows with salts: without this a long row could stand beside a short salt.
        for (expected, got) in [(dimensions.width, row.len()), (width, salt.len())] {
            if expected != got {
                return Err(MerkleTreeError::WrongWidth { matrix, expected, got });
            }
        }
        joined.0.push(Dimensions { width: dimensions.width + width, height: dimensions.height });
        joined.1.push([row, &salt[..]].concat());
    }
    Ok(joined)
}
