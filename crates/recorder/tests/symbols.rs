//! Names of functions in a program that a real compiler made, with calls inlined.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    process::Command,
};

use blazesym::inspect::{Inspector, source};
use proofmark_recorder::Symbols;
use proofmark_witness::analysis::Frame;

const PROGRAM: &str = r#"
#[inline(always)]
fn mixed_inside(state: u64) -> u64 {
    (state ^ (state >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9)
}

#[inline(never)]
#[unsafe(no_mangle)]
pub fn outer_loop(rounds: u64) -> u64 {
    (0..rounds).fold(1, |state, round| mixed_inside(state + round))
}

fn main() {
    println!("{}", outer_loop(std::env::args().count() as u64 * 1000));
}
"#;

/// A program, and the names that each byte of its `outer_loop` has.
fn stacks_of(folder: &Path, debug_info: &str) -> BTreeSet<Vec<String>> {
    let (source, program) = (folder.join("program.rs"), folder.join("program"));
    fs::write(&source, PROGRAM).expect("room");
    let compiled = Command::new(std::env::var_os("RUSTC").unwrap_or("rustc".into()))
        .args(["--edition", "2024", "-O", "-C", debug_info, "-o"])
        .args([&program, &source])
        .status();
    assert!(compiled.expect("a compiler").success());
    let elf = source::Source::Elf(source::Elf::new(&program));
    let inspector = Inspector::new();
    let found = inspector.lookup(&elf, &["outer_loop"]).expect("a symbol table");
    let function = found[0].first().expect("the function");
    let (start, size) = (function.file_offset.expect("a place"), function.size.expect("a size") as u64);
    let build_ids = BTreeMap::new();
    let mut symbols = Symbols::new(&build_ids);
    let path = program.to_string_lossy().into_owned();
    (start..start + size)
        .map(|offset| symbols.resolve(&Frame { path: path.clone(), offset, kernel: false }))
        .collect()
}

#[test]
fn inlined_calls_are_frames_of_their_own() {
    let folder = tempfile::tempdir().expect("a folder");
    let stacks = stacks_of(folder.path(), "debuginfo=2");
    let inner = |stack: &Vec<String>| stack[0].contains("mixed_inside");
    let inlined = stacks.iter().find(|stack| inner(stack)).unwrap_or_else(|| panic!("{stacks:?}"));
    // The innermost first, the function that has the machine code last; the closure lies between them.
    assert!(inlined.len() >= 2 && inlined.last().is_some_and(|name| name == "outer_loop"), "{inlined:?}");
    assert!(stacks.iter().any(|stack| !inner(stack)), "{stacks:?}");
}

#[test]
fn without_debug_info_there_is_one_frame() {
    let folder = tempfile::tempdir().expect("a folder");
    let stacks = stacks_of(folder.path(), "debuginfo=0");
    assert_eq!(stacks, BTreeSet::from([vec!["outer_loop".to_owned()]]));
}
