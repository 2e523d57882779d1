//! Tables in shards: their proofs one after the other, and the merge.

use std::time::{Duration, Instant};

use proofmark_core::{Claim, Digest, StarkEvidence, StarkShard, StarkShards};
use proofmark_plan::{
    exec::{NoCustom, execute},
    guest,
    typed::TypedPlan,
    value::{Table, Value},
    wire,
};
use proofmark_prover::{ProveError, supervise::Abandoned};
use proofmark_stark::{
    Cost, Level, ProveError as StarkError, Salt, Security, Witness, cost, digest, dry_run,
    output_text_bounds,
    shards::{Part, Piece, Sharded, Source, shard, shard_salt, sharded_digest},
};
use rand::{Rng as _, SeedableRng as _, rngs::StdRng};

use crate::{
    cut::{Cut, steps},
    job::{Tables, check_claim, raise, raise_by, stated, unsupported},
    prove::{Failure, Watch, system_random},
    stage::Stage,
};

/// What is proved, of a table in shards.
pub(crate) struct ShardedJob {
    cut: Cut,
    plan: TypedPlan,
    plan_bytes: Vec<u8>,
    claim: [u8; 32],
    inputs: Vec<Digest>,
    output: Digest,
    output_salt: Salt,
    level: Level,
    memory_limit_bytes: Option<u64>,
    tables: Vec<Table>,
    salts: Vec<Salt>,
    /// The seed of the large table's salts.
    seed: [u8; 32],
    merge_groups: Vec<u32>,
    // Found on the way.
    groups: Vec<Table>,
    group_salts: Vec<Salt>,
    parts: Vec<Part>,
}

/// What the proofs are, and what they took.
pub(crate) struct Made {
    pub(crate) evidence: StarkEvidence,
    pub(crate) time: Duration,
    pub(crate) cost: Cost,
    pub(crate) proofs: u64,
}

impl ShardedJob {
    /// # Errors
    /// As for a table that is proved at once.
    pub(crate) fn new(
        claim: &Claim,
        request: &guest::Request<'_>,
        (cut, tables): (Cut, Tables<'_>),
        (level, memory_limit_bytes): (Level, Option<u64>),
    ) -> Result<Self, ProveError> {
        let plan_claim = check_claim(claim, request)?;
        let seed = request.inputs[cut.input].1;
        Ok(Self {
            plan: request.typed.clone(),
            plan_bytes: wire::encode(request.plan),
            claim: *claim.digest().as_bytes(),
            inputs: plan_claim.inputs.iter().map(|input| input.root).collect(),
            output: plan_claim.output,
            output_salt: Salt::from_seed(&request.output_salt),
            level,
            memory_limit_bytes,
            tables: tables.tables.into_iter().cloned().collect(),
            salts: tables.salts,
            seed,
            merge_groups: Vec::new(),
            groups: Vec::new(),
            group_salts: Vec::new(),
            parts: Vec::new(),
            cut,
        })
    }

    fn count(&self) -> usize {
        self.tables[self.cut.input].rows.div_ceil(self.cut.rows as usize)
    }

    fn shard(&self, at: usize) -> Table {
        shard(&self.tables[self.cut.input], self.cut.rows, at)
    }

    fn sharded(&self) -> Sharded<'_> {
        Sharded {
            plan: self.plan.hash,
            split: &self.cut.split,
            claim: self.claim,
            inputs: &self.inputs,
            input: self.cut.input,
            rows: self.cut.rows,
            shards: &self.parts,
            output: self.output,
            bounds: &self.cut.bounds,
            merge_groups: &self.merge_groups,
            level: self.level,
        }
    }

    /// Computes the groups of every shard and their digests. Nothing is proved yet, but all that proofs name is known.
    fn prepare(&mut self, rng: &mut StdRng, abandoned: &Abandoned) -> Result<(), Failure> {
        let mut tables = Vec::with_capacity(self.count());
        for at in 0..self.count() {
            cancelled(abandoned)?;
            let shard = self.shard(at);
            let text = &self.cut.bounds.inputs[self.cut.input].text_bytes;
            let salt = Salt::from_seed(&shard_salt(&self.seed, at));
            let digest = digest::table_with_text_bounds(&shard, text, salt);
            tables.push(digest.map_err(|error| told(unsupported(error.to_string())))?);
            let groups = run(&self.cut.split.shard, self.shard_inputs(shard))
                .map_err(|error| told(unsupported(format!("shard {}: {error}", at + 1))))?;
            self.groups.push(groups);
        }
        if sharded_digest(self.cut.rows, &tables).as_ref() != self.inputs.get(self.cut.input) {
            return Err(told(ProveError::Diverged { detail: "other data".to_owned() }));
        }
        let most = self.groups.iter().map(|groups| groups.rows).max().unwrap_or_default();
        let (at, keyed) = self.cut.split.last_reduction();
        if keyed {
            raise(&mut self.cut.bounds.groups, at, u32::try_from(most).unwrap_or(u32::MAX >> 1));
        }
        let none = || told(unsupported("a derived plan has other inputs"));
        let bounds = self.cut.split.shard_bounds(self.cut.input, &self.cut.bounds).ok_or_else(none)?;
        let text = output_text_bounds(&self.cut.split.shard, &bounds).map_err(|found| told(steps(found)))?;
        for (groups, table) in self.groups.iter().zip(tables) {
            let mut seed = [0; 16 * 7];
            rng.fill_bytes(&mut seed);
            let salt = Salt::from_uniform_bytes(&seed);
            let digest = digest::table_with_text_bounds(groups, &text, salt)
                .map_err(|error| told(unsupported(format!("groups: {error}"))))?;
            self.group_salts.push(salt);
            self.parts.push(Part { table, groups: digest });
        }
        self.sharded().check().map_err(Failure::Verify)
    }

    fn shard_inputs(&self, shard: Table) -> Vec<Table> {
        let inputs = self.cut.split.shard_inputs.iter().map(|source| match source {
            Source::Input(input) => self.tables[*input].clone(),
            Source::Part(_) | Source::Shard => shard.clone(),
        });
        inputs.collect()
    }

    /// What a proof states. The merge comes after the shards.
    fn piece(&self, at: usize) -> Result<Piece<'_>, Failure> {
        let piece = match at < self.parts.len() {
            true => self.sharded().shard(at),
            false => self.sharded().merge().map_err(|found| told(steps(found)))?,
        };
        piece.ok_or_else(|| told(unsupported("a derived plan has other inputs")))
    }

    /// The inputs of a proof, their salts, and that of its output.
    fn witness(&self, at: usize) -> (Vec<Table>, Vec<Salt>, Salt) {
        if let Some(groups) = self.group_salts.get(at) {
            let salts = self.cut.split.shard_inputs.iter().map(|source| match source {
                Source::Input(input) => self.salts[*input],
                Source::Part(_) | Source::Shard => Salt::from_seed(&shard_salt(&self.seed, at)),
            });
            return (self.shard_inputs(self.shard(at)), salts.collect(), *groups);
        }
        let pick = |source: &Source| match source {
            Source::Part(part) => (self.groups[*part].clone(), self.group_salts[*part]),
            Source::Input(input) => (self.tables[*input].clone(), self.salts[*input]),
            Source::Shard => (self.tables[self.cut.input].clone(), Salt::NONE),
        };
        let (inputs, salts) = self.cut.split.merge_inputs.iter().map(pick).unzip();
        (inputs, salts, self.output_salt)
    }

    fn cost(&self, at: usize) -> Result<Cost, Failure> {
        let piece = self.piece(at)?;
        let statement = piece.statement();
        let found = cost(statement.plan, statement.bounds, statement.level).map_err(Failure::Prove)?;
        match self.memory_limit_bytes {
            Some(limit_bytes) if found.memory_bytes > limit_bytes => Err(told(ProveError::MemoryExceeded {
                limit_bytes,
                needed_bytes: found.memory_bytes,
                predicted: true,
            })),
            _ => Ok(found),
        }
    }

    /// What all proofs take: cells of all, memory of the largest.
    fn costs(&self) -> Result<Cost, Failure> {
        let (shard, merge) = (self.cost(0)?, self.cost(self.parts.len())?);
        let shards = self.parts.len() as u64;
        Ok(Cost {
            cells: shards * shard.cells + merge.cells,
            work: shards * shard.work + merge.work,
            memory_bytes: shard.memory_bytes.max(merge.memory_bytes),
            proof_bytes: shards * shard.proof_bytes + merge.proof_bytes,
            tables: shard.tables,
        })
    }

    /// Raises the bound that a proof found too low. `false` if there is none to raise.
    fn raise(&mut self, at: usize, error: &StarkError) -> bool {
        let split = &self.cut.split;
        if at < self.parts.len() {
            raise_by(&split.shard, &mut self.cut.bounds.groups, error)
        } else {
            raise_by(&split.merge, &mut self.merge_groups, error)
        }
    }

    /// Makes all proofs, or with `prove` false all but the proofs themselves.
    fn proofs(
        &mut self,
        rng: &mut StdRng,
        abandoned: &Abandoned,
        stage: &Stage,
        prove: bool,
    ) -> Result<Vec<Vec<u8>>, Failure> {
        let mut proofs = Vec::new();
        while proofs.len() <= self.parts.len() {
            cancelled(abandoned)?;
            let at = proofs.len();
            stage.prove(at as u64 + 1, self.count() as u64 + 1, self.costs()?.work);
            let piece = self.piece(at)?;
            let (inputs, salts, output_salt) = self.witness(at);
            let witness = Witness { inputs: &inputs, salts: &salts, output_salt };
            let mut watch = Watch(abandoned);
            let made = if prove {
                proofmark_stark::prove(&piece.statement(), &witness, rng, &mut watch)
            } else {
                dry_run(&piece.statement(), &witness, rng, &mut watch).map(|()| Vec::new())
            };
            match made {
                Ok(proof) => proofs.push(proof),
                // All shards have one bound; a higher one concerns the proofs before too.
                Err(error) if self.raise(at, &error) => {
                    proofs.truncate(if at < self.parts.len() { 0 } else { at })
                }
                Err(error) => return Err(Failure::Prove(error)),
            }
        }
        Ok(proofs)
    }

    /// Proves all, and checks it with the code that a buyer runs.
    pub(crate) fn prove(&mut self, abandoned: &Abandoned, stage: &Stage) -> Result<Made, Failure> {
        let start = Instant::now();
        let mut rng = system_random()?;
        self.prepare(&mut rng, abandoned)?;
        let mut shards = self.proofs(&mut rng, abandoned, stage, true)?;
        let time = start.elapsed();
        stage.verify();
        let merge = shards.pop().unwrap_or_default();
        let proofs: Vec<&[u8]> = shards.iter().map(Vec::as_slice).collect();
        let security = self.sharded().verify(&proofs, &merge).map_err(Failure::Verify)?;
        let cost = self.costs()?;
        Ok(Made {
            evidence: self.evidence(shards, merge, &security),
            time,
            cost,
            proofs: self.count() as u64 + 1,
        })
    }

    /// Does everything but the proofs.
    pub(crate) fn dry_run(&mut self, abandoned: &Abandoned) -> Result<(Cost, u64), Failure> {
        // Nothing of this is ever told, so it need not be random.
        let mut rng = StdRng::from_seed([0; 32]);
        self.prepare(&mut rng, abandoned)?;
        self.proofs(&mut rng, abandoned, &Stage::default(), false)?;
        Ok((self.costs()?, self.count() as u64 + 1))
    }

    fn evidence(&self, shards: Vec<Vec<u8>>, merge: Vec<u8>, security: &Security) -> StarkEvidence {
        let (security, conjectured_bits) = proofmark_verifier::systems::stark::level(security);
        let shards = self.parts.iter().zip(shards).map(|(part, proof)| StarkShard {
            table: part.table,
            groups: part.groups,
            proof: proof.into(),
        });
        StarkEvidence {
            plan: self.plan_bytes.clone().into(),
            inputs: stated(&self.cut.bounds),
            groups: self.cut.bounds.groups.clone(),
            level: self.level.name().to_owned(),
            proof: merge.into(),
            shards: Some(StarkShards {
                input: self.plan.inputs[self.cut.input].name.clone(),
                rows: self.cut.rows,
                groups: self.merge_groups.clone(),
                shards: shards.collect(),
            }),
            bridges: Vec::new(),
            security,
            conjectured_bits,
        }
    }
}

/// Executes a derived plan natively.
fn run(plan: &TypedPlan, inputs: Vec<Table>) -> Result<Table, String> {
    let inputs = inputs.into_iter().map(Value::Table).collect();
    match execute(plan, inputs, &NoCustom).map_err(|error| error.to_string())?.output {
        Value::Table(table) => Ok(table),
        Value::Bytes(_) => Err("its groups are no table".to_owned()),
    }
}

fn cancelled(abandoned: &Abandoned) -> Result<(), Failure> {
    if abandoned.is_set() { Err(Failure::Prove(StarkError::Cancelled)) } else { Ok(()) }
}

fn told(error: ProveError) -> Failure {
    Failure::Told(Box::new(error))
}
