//! Custom steps in WASM, interpreted by wasmi under limits of work and memory.
//!
//! The same module on the same input gives the same result, the same amount of work and the same error everywhere:
//! modules import nothing, have no floats and no threads, and work is counted by the interpreter's own rules, which
//! the version of wasmi fixes. How modules and tables look is documented in `docs/src/custom-steps.md`.

use alloc::{
    collections::BTreeMap,
    format,
    string::{String, ToString},
    sync::Arc,
    vec::Vec,
};

use proofmark_core::Digest;
use wasmi::{
    Config, EnforcedLimits, Engine, Error, Instance, Linker, Memory, Module, Store, StoreLimits,
    StoreLimitsBuilder, TrapCode, TypedFunc,
    errors::{ErrorKind, InstantiationError},
};

use super::{CustomCall, CustomError, CustomHost};
use crate::{
    commit::{self, Decoder, MAX_ROWS_PER_LEAF, NO_SALT},
    types::{Schema, ValueType},
    value::{Table, Value},
};

/// The largest module that is read.
pub const MAX_MODULE_BYTES: usize = 16 << 20;

/// The most memory that 32-bit modules can have.
const MAX_MEMORY_BYTES: u64 = 1 << 32;

/// The most elements in a module's table of functions.
const MAX_TABLE_ELEMENTS: usize = 10_000;

type Result<T> = core::result::Result<T, CustomError>;

/// Runs custom steps whose modules were added to it.
#[derive(Debug)]
pub struct WasmHost {
    engine: Engine,
    modules: BTreeMap<[u8; 32], Module>,
}

impl WasmHost {
    /// A host without modules.
    pub fn new() -> Self {
        let mut config = Config::default();
        config
            .floats(false)
            .consume_fuel(true)
            .wasm_multi_memory(false)
            .wasm_custom_page_sizes(false)
            .ignore_custom_sections(true)
            .compilation_mode(wasmi::CompilationMode::Eager)
            .enforced_limits(EnforcedLimits::strict());
        Self { engine: Engine::new(&config), modules: BTreeMap::new() }
    }

    /// Checks a module and adds it; gives the digest by which plans name it.
    ///
    /// # Errors
    /// If it is not WASM, is too large, imports something or uses floats.
    pub fn add(&mut self, wasm: &[u8]) -> Result<Digest> {
        if wasm.len() > MAX_MODULE_BYTES {
            return Err(CustomError::BadModule(format!(
                "it has {} bytes, at most {MAX_MODULE_BYTES} are read",
                wasm.len()
            )));
        }
        let module =
            Module::new(&self.engine, wasm).map_err(|error| CustomError::BadModule(error.to_string()))?;
        if let Some(import) = module.imports().next() {
            return Err(CustomError::BadModule(format!(
                "it imports {}.{}, and custom functions may import nothing, so that they are deterministic",
                import.module(),
                import.name()
            )));
        }
        let digest = Digest::of(wasm);
        self.modules.insert(*digest.as_bytes(), module);
        Ok(digest)
    }
}

impl Default for WasmHost {
    fn default() -> Self {
        Self::new()
    }
}

impl CustomHost for WasmHost {
    fn call(&self, call: &CustomCall<'_>) -> Result<Table> {
        let module =
            self.modules.get(call.module.as_bytes()).ok_or(CustomError::UnknownModule(*call.module))?;
        let Value::Table(input) = call.input else {
            return Err(CustomError::BadResult("custom functions take a table, and here are bytes".into()));
        };
        let bytes = encode(input)?;
        let mut running = Running::start(&self.engine, module, call)?;
        let result = running.call(call.function, &bytes)?;
        decode(&result, call.schema)
    }
}

/// An instance of a module and the limits that it runs under.
struct Running {
    store: Store<StoreLimits>,
    instance: Instance,
    memory: Memory,
    limits: (u64, u64),
}

impl Running {
    fn start(engine: &Engine, module: &Module, call: &CustomCall<'_>) -> Result<Self> {
        let memory_limit = call.memory_left.min(MAX_MEMORY_BYTES);
        let limits = (memory_limit, call.max_cycles);
        let limiter = StoreLimitsBuilder::new()
            .memory_size(usize::try_from(memory_limit).unwrap_or(usize::MAX))
            .table_elements(MAX_TABLE_ELEMENTS)
            .instances(1)
            .trap_on_grow_failure(true)
            .build();
        let mut store = Store::new(engine, limiter);
        store.limiter(|limiter| limiter);
        store.set_fuel(call.max_cycles).map_err(|error| failure(&error, limits))?;
        let instance = Linker::new(engine)
            .instantiate_and_start(&mut store, module)
            .map_err(|error| failure(&error, limits))?;
        let memory = instance.get_memory(&store, "memory").ok_or_else(|| missing("memory"))?;
        Ok(Self { store, instance, memory, limits })
    }

    /// Hands `input` over, calls the function, and takes its result.
    fn call(&mut self, function: &str, input: &[u8]) -> Result<Vec<u8>> {
        let alloc: TypedFunc<i32, i32> =
            self.instance.get_typed_func(&self.store, "alloc").map_err(|_| missing("alloc"))?;
        let function: TypedFunc<(i32, i32), i64> =
            self.instance.get_typed_func(&self.store, function).map_err(|_| missing(function))?;
        let len =
            i32::try_from(input.len()).map_err(|_| CustomError::OutOfMemory { limit: self.limits.0 })?;
        let place = alloc.call(&mut self.store, len).map_err(|error| failure(&error, self.limits))?;
        // Addresses are unsigned; WASM's types say nothing about signs.
        let place = place as u32;
        let memory = self.memory.data_mut(&mut self.store);
        part(place, len as u32, memory.len())
            .and_then(|range| memory.get_mut(range))
            .ok_or_else(|| bad_place("alloc", place, len as u32))?
            .copy_from_slice(input);
        let packed = function
            .call(&mut self.store, (place as i32, len))
            .map_err(|error| failure(&error, self.limits))?;
        let (place, len) = ((packed as u64 >> 32) as u32, packed as u32);
        let memory = self.memory.data(&self.store);
        let result = part(place, len, memory.len()).and_then(|range| memory.get(range));
        result.map(<[u8]>::to_vec).ok_or_else(|| bad_place("the function", place, len))
    }
}

fn part(place: u32, len: u32, memory: usize) -> Option<core::ops::Range<usize>> {
    let start = place as usize;
    let end = start.checked_add(len as usize)?;
    (end <= memory).then_some(start..end)
}

fn bad_place(who: &str, place: u32, len: u32) -> CustomError {
    CustomError::BadResult(format!("{who} returned address {place} for {len} bytes, outside of its memory"))
}

fn missing(name: &str) -> CustomError {
    CustomError::MissingExport(String::from(name))
}

/// What an error of the interpreter means.
fn failure(error: &Error, (memory, fuel): (u64, u64)) -> CustomError {
    match error.as_trap_code() {
        Some(TrapCode::OutOfFuel) => return CustomError::OutOfFuel { limit: fuel },
        Some(TrapCode::GrowthOperationLimited | TrapCode::OutOfSystemMemory) => {
            return CustomError::OutOfMemory { limit: memory };
        }
        Some(trap) => return CustomError::Trap(trap.to_string()),
        None => {}
    }
    match error.kind() {
        ErrorKind::Memory(_) | ErrorKind::Instantiation(InstantiationError::FailedToInstantiateMemory(_)) => {
            CustomError::OutOfMemory { limit: memory }
        }
        _ => CustomError::Trap(error.to_string()),
    }
}

/// The number of rows as four bytes, then blocks of at most 1024 rows, as in the leaves of a root.
fn encode(table: &Table) -> Result<Vec<u8>> {
    let rows = u32::try_from(table.rows).map_err(|_| CustomError::OutOfMemory { limit: MAX_MEMORY_BYTES })?;
    let mut out = rows.to_le_bytes().to_vec();
    let block = usize::from(MAX_ROWS_PER_LEAF);
    for start in (0..table.rows).step_by(block) {
        commit::write_rows(table, start..table.rows.min(start + block), &mut out);
    }
    Ok(out)
}

fn decode(bytes: &[u8], schema: &Schema) -> Result<Table> {
    let bad = |why: String| CustomError::BadResult(why);
    let (count, blocks) =
        bytes.split_first_chunk::<4>().ok_or_else(|| bad("it has fewer than four bytes".into()))?;
    // With a header in front, the blocks are a value as it is committed to, and are read as one.
    let outline =
        Table { schema: schema.clone(), rows: u32::from_le_bytes(*count) as usize, columns: Vec::new() };
    let mut buffer = commit::header(&Value::Table(outline), MAX_ROWS_PER_LEAF, &NO_SALT);
    buffer.extend_from_slice(blocks);
    let len = buffer.len();
    let mut decoder = Decoder::new(Arc::new(buffer), 0);
    let (value, _) = decoder
        .value(&ValueType::Table(schema.clone()), MAX_ROWS_PER_LEAF)
        .map_err(|error| bad(error.to_string()))?;
    match value {
        Value::Table(table) if decoder.offset() == len => Ok(table),
        _ => Err(bad("there are bytes after the last row".into())),
    }
}
