//! The figures of binding proofs, with the machine's name: `cargo xtask bench binding`.
//!
//! Measures, on real key files: load and first proof of a fresh process, witness, proof (with and without the prover's own check),
//! verification single and in batches, throughput, cache hits, memory, sizes, hashing, and arkworks' stock prover on the same
//! statements in the same run; then prints them beside their targets. `--json FILE` writes them down for those who compare.
//! `--soak N [--workers N]` makes N proofs in the service and watches memory instead.

mod reference;
mod soak;
mod table;
mod together;

use std::{fs, hint::black_box, path::Path, process::Command, time::Instant};

use ark_bn254::Fr;
use ark_ff::UniformRand as _;
use proofmark_binding::{
    ceremony::{SystemRng, development_key},
    circuit::{Form, Witness},
    evidence, hashing, keyfile,
    manager::LoadedKey,
    proof::prove,
    receipt::{bind, prove_witness},
};
use proofmark_core::{Digest, InferenceClaim};
use proofmark_measure as measure;
use table::{Table, Times, millis};

const ROUNDS: usize = 1000;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let option = |name: &str| args.get(args.iter().position(|arg| arg == name)? + 1);
    let number = |name: &str| option(name)?.parse::<u64>().ok();
    if let Some(key) = option("--first-proof") {
        return first_proof(Path::new(key));
    }
    println!("{}, load {:.2} before the run", measure::machine(), measure::load());
    let folder = std::env::temp_dir().join(format!("proofmark-bench-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("a folder");
    match number("--soak") {
        Some(proofs) => {
            soak::run(&folder, proofs, number("--workers").map_or(1, |workers| workers as usize));
        }
        None => {
            let rounds = number("--rounds").map_or(ROUNDS, |rounds| rounds.max(10) as usize);
            let table = figures(&folder, rounds);
            table.print();
            println!("\nload {:.2} after the run", measure::load());
            if let Some(file) = option("--json") {
                fs::write(file, table.json().to_string()).expect("writes the figures");
            }
        }
    }
    let _ = fs::remove_dir_all(&folder);
}

fn figures(folder: &Path, rounds: usize) -> Table {
    let mut table = Table::default();
    for form in Form::ALL {
        println!("\n{} form", form.name());
        let points = development_key(form);
        let start = Instant::now();
        let key = points.tabulate();
        println!("{:<26} {:>9.1} ms", "tables built in", millis(start.elapsed()));
        let path = folder.join(form.name());
        keyfile::install(&path, &keyfile::encode_proving_key(&key)).expect("writes");
        println!("{:<26} {:>9} bytes", "proving key file", fs::metadata(&path).expect("there").len());
        drop(key);
        load(&path, form, &mut table);
        let key = LoadedKey::load(&path, None).expect("a good key");
        single(&key, form, rounds, &mut table);
        reference::compare(&points, &key, form, rounds.min(200), &mut table);
        if form == Form::Open {
            together::batch(&key, &mut table);
            together::service(&path, &mut table);
        }
    }
    hash(folder);
    table
}

/// From a file to a key, and to the first proof of a process that has nothing warm but the page cache.
fn load(path: &Path, form: Form, table: &mut Table) {
    let this = std::env::current_exe().expect("the path of this program");
    let mut firsts: Vec<[f64; 4]> = (0..20)
        .map(|_| {
            let start = Instant::now();
            let output = Command::new(&this).arg("--first-proof").arg(path).output().expect("starts");
            let whole = millis(start.elapsed());
            let text = String::from_utf8(output.stdout).expect("numbers");
            let mut numbers = text.split_whitespace().map(|number| number.parse().expect("a number"));
            let mut next = || numbers.next().expect("three numbers");
            [next(), next(), next(), whole]
        })
        .collect();
    firsts.sort_by(|left, right| left[1].total_cmp(&right[1]));
    let cpu = firsts.iter().map(|first| first[2]).sum::<f64>() / firsts.len() as f64;
    let [loaded, proved, _, whole] = firsts[firsts.len() / 2];
    println!(
        "{:<26} key loaded after {loaded:.1} ms, proof after {proved:.1} ms, all of it {whole:.1} ms (median of {}; best {:.1} ms; CPU {cpu:.1} ms)",
        "a fresh process",
        firsts.len(),
        firsts[0][1]
    );
    let times = Times::of(100, |_| drop(black_box(LoadedKey::load(path, None))));
    times.report("load");
    table.below(&format!("{}: key load, p50", form.name()), times.ms(50), 10.0, "ms");
    table.below(&format!("{}: first proof after start", form.name()), proved, 60.0, "ms");
}

/// What a fresh process does: loads a key, proves once, and tells both times since its start and its CPU time, in milliseconds.
fn first_proof(path: &Path) {
    let start = Instant::now();
    let key = LoadedKey::load(path, None).expect("a good key");
    let loaded = millis(start.elapsed());
    bind(&key, &facts(0)).expect("proves");
    let proved = millis(start.elapsed());
    println!("{loaded} {proved} {}", millis(measure::cpu_time()));
}

fn single(key: &LoadedKey, form: Form, rounds: usize, table: &mut Table) {
    let name = |what: &str| format!("{}: {what}", form.name());
    let witnesses = Times::of(rounds, |seed| drop(black_box(witness(form, seed))));
    witnesses.report("witness");
    table.below(&name("witness, p50"), witnesses.ms(50), 0.5, "ms");
    let rng = &mut SystemRng;
    let proofs = Times::of(rounds, |seed| {
        black_box(prove(&key.proving, &witness(form, seed), Fr::rand(rng), Fr::rand(rng)));
    });
    proofs.report("prove");
    let checked = Times::of(rounds, |seed| {
        black_box(prove_witness(key, &witness(form, seed)).expect("proves"));
    });
    checked.report("prove and check");
    table.below(&name("prove, p50"), proofs.ms(50), if form == Form::Open { 10.0 } else { 20.0 }, "ms");
    if form == Form::Open {
        table.below(&name("prove, p99"), proofs.ms(99), 25.0, "ms");
    }
    let bound = bind(key, &facts(1)).expect("proves");
    let verified = Times::of(rounds, |_| {
        evidence::check(&bound.claim, &bound.evidence).expect("holds");
    });
    verified.report("verify");
    table.below(&name("verify, p50"), verified.ms(50), 1.0, "ms");
    table.below(&name("proof"), bound.evidence.proof.len() as f64, 256.0, "bytes");
    let receipt = bound.receipt("bench", None);
    println!(
        "{:<26} proof {} bytes, key in the receipt {}, receipt {} as CBOR, {} as JSON",
        "sizes",
        bound.evidence.proof.len(),
        bound.evidence.key.len(),
        receipt.to_cbor().len(),
        receipt.to_json().len()
    );
}

/// A model of one file, and one of as many bytes in eight files.
fn hash(folder: &Path) {
    const BYTES: usize = 512 << 20;
    println!("\nhashing {} MiB that the page cache holds", BYTES >> 20);
    let model = folder.join("model");
    fs::create_dir_all(&model).expect("a folder");
    let shard = vec![0x5a; BYTES / 8];
    let mut whole = Vec::new();
    for at in 0..8 {
        fs::write(model.join(format!("{at}.bin")), &shard).expect("writes");
        whole.push(shard.as_slice());
    }
    let single = folder.join("model.bin");
    fs::write(&single, whole.concat()).expect("writes");
    for (name, path) in [("one file", &single), ("eight files", &model)] {
        let times = Times::of(3, |_| {
            black_box(hashing::model(path, &hashing::Watch::default()).expect("hashes"));
        });
        println!(
            "{name:<26} best {:>7.2} GB/s, CPU {:>6.2} ns a byte",
            BYTES as f64 / times.ms(0) / 1e6,
            times.cpu_ms() * 1e6 / BYTES as f64
        );
    }
}

fn witness(form: Form, seed: u64) -> Witness {
    match form {
        Form::Open => Witness::open(&facts(seed)),
        Form::Sealed => Witness::sealed(&facts(seed), u128::from(seed)),
    }
}

fn facts(seed: u64) -> InferenceClaim {
    let digest = |part: u8| Digest::of(&[&seed.to_be_bytes()[..], &[part]].concat());
    InferenceClaim { job: digest(0), model: digest(1), input: digest(2), output: digest(3) }
}
