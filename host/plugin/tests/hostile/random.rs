//! Two thousand random core modules with our world's exports, made into components and called.
//!
//! Half are left as they are; nearly all of them trip over the first thing they do. In the other
//! half one function alone is random, in turn; the others are wrappers that behave, and what the
//! random one answers is brought within memory. So random code runs in every call, and the host
//! reads random answers.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use phagen_plugin::{PluginError, PluginSettings};
use wasm_smith::{Config, MemoryOffsetChoices, Module};

use crate::{
    common::{Room, query},
    contract::{Contract, Export},
    forge::{assemble, harmless},
    trial::{behaves, candidates, slot},
};

const N_MODULES: u64 = 2_000;
/// Of each: `describe`, `init`, the work.
const DEADLINE: Duration = Duration::from_millis(25);
/// How late a call may end when every core is busy compiling.
const SLACK: Duration = Duration::from_secs(2);
/// Bytes of chance for one module.
const N_CHANCE: usize = 4_096;

/// The same bytes for the same seed, on every machine.
fn chance(seed: u64) -> Vec<u8> {
    let mut bytes = vec![0; N_CHANCE];
    blake3::Hasher::new()
        .update(b"phagen random modules")
        .update(&seed.to_le_bytes())
        .finalize_xof()
        .fill(&mut bytes);
    bytes
}

/// A core module that exports what the world asks for, each name with `prefix` before it.
fn shape(exports: &[Export], prefix: &str) -> Vec<u8> {
    let mut text = String::from("(module (memory (export \"memory\") 1 64)");
    for export in exports {
        let (name, signature) = (&export.name, export.signature());
        write!(
            text,
            "(func (export \"{prefix}{name}\") {signature} unreachable)"
        )
        .expect("text");
    }
    write!(
        text,
        "(func (export \"{prefix}cabi_realloc\") (param i32 i32 i32 i32) (result i32) unreachable))"
    )
    .expect("text");
    assemble(&text)
}

fn random_module(seed: u64, shape: &[u8]) -> Vec<u8> {
    let config = Config {
        exports: Some(shape.to_vec()),
        max_imports: 0,
        max_instructions: 40,
        max_funcs: 8,
        max_types: 8,
        max_globals: 6,
        max_data_segments: 4,
        max_element_segments: 4,
        max_elements: 16,
        max_tables: 2,
        max_table_elements: 1_000,
        // The one that it exports.
        max_memories: 0,
        memory_offset_choices: MemoryOffsetChoices(90, 9, 1),
        allow_start_export: seed.is_multiple_of(8),
        generate_custom_sections: seed.is_multiple_of(16),
        // One in twenty may use what this host's engines do not take.
        gc_enabled: seed % 20 == 3,
        exceptions_enabled: seed % 20 == 3,
        threads_enabled: seed % 20 == 3,
        // Without garbage collection there are references to functions and to nothing else.
        reference_types_enabled: seed % 20 == 3,
        memory64_enabled: seed.is_multiple_of(3),
        ..Config::default()
    };
    let chance = chance(seed);
    let mut bytes = arbitrary::Unstructured::new(&chance);
    let module = Module::new(config, &mut bytes).expect("enough chance for a module");
    module.to_bytes()
}

/// What the host calls in the course of `rerank`.
const CALLED: [&str; 6] = [
    "describe",
    "init",
    "feature-names",
    "features",
    "score",
    "cabi_realloc",
];

/// Lets the host call the random function `random` and nothing else that is random.
fn steered(module: &[u8], exports: &[Export], random: &str) -> Vec<u8> {
    let text = wasmprinter::print_bytes(module).expect("a module");
    let mut text = text
        .trim_end()
        .strip_suffix(')')
        .expect("a module")
        .to_owned();
    // Random data may lie where answers that behave are kept.
    let clean = "(memory.fill (i32.const 64) (i32.const 0) (i32.const 64))
        (memory.fill (i32.const 4096) (i32.const 0) (i32.const 256))";
    for export in exports {
        let answer = if export.short == random {
            let index = function_index(&text, &format!("raw:{}", export.name));
            let arguments = (0..export.params.len())
                .map(|n| format!("(local.get {n})"))
                .collect::<Vec<_>>()
                .concat();
            format!("(i32.and (call {index} {arguments}) (i32.const 0xfff0))")
        } else {
            format!("{clean} {}", harmless(export))
        };
        write!(text, "{} {answer})", export.head()).expect("text");
    }
    let place = if random == "cabi_realloc" {
        let index = function_index(&text, "raw:cabi_realloc");
        format!("(call {index} (local.get 0) (local.get 1) (local.get 2) (local.get 3))")
    } else {
        "(i32.const 0x8000)".to_owned()
    };
    write!(
        text,
        "(func (export \"cabi_realloc\") (param i32 i32 i32 i32) (result i32)
          (i32.and {place} (i32.const 0xff00))))"
    )
    .expect("text");
    assemble(&text)
}

/// `7` of `(export "name" (func 7))`.
fn function_index(text: &str, name: &str) -> u32 {
    let start = format!("(export \"{name}\" (func ");
    let at = text.find(&start).expect(name) + start.len();
    let digits: String = text[at..]
        .chars()
        .take_while(char::is_ascii_digit)
        .collect();
    digits.parse().expect("an index")
}

/// How far a module got.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Reached {
    /// Refused, or given up on before any of its functions was entered.
    Nothing,
    /// A function of the guest was entered.
    Guest,
    /// `rerank` was called.
    Work,
}

/// Whether a failed load shows that a function of the guest was entered: it was interrupted in one,
/// trapped in one, or answered what the host then refused.
fn entered(error: &PluginError) -> bool {
    match error {
        PluginError::Timeout { .. }
        | PluginError::InvalidOutput { .. }
        | PluginError::OutputLimit { .. } => true,
        PluginError::Trap { message, .. } => {
            // A backtrace, or words that only reading an answer gives.
            message.contains("; in ") || message.contains("list ") || message.contains("pointer")
        }
        _ => false,
    }
}

/// A call of one component, and the code it ended as.
async fn run(room: &Room, component: &[u8]) -> (Reached, &'static str) {
    let slot = match slot(room, component) {
        Ok(slot) => slot,
        Err(error) if entered(&error) => return (Reached::Guest, error.code()),
        Err(error) => return (Reached::Nothing, error.code()),
    };
    let started = Instant::now();
    let outcome = slot.rerank(&query(), &candidates()).await;
    let took = started.elapsed();
    assert!(took < 2 * DEADLINE + SLACK, "{took:?}");
    let code = outcome.map_or_else(|error| error.code(), |_| "ok");
    (Reached::Work, code)
}

#[test]
fn long_two_thousand_random_modules_end_in_an_answer_or_a_typed_error() {
    let contract = Contract::new("v0.1.0", "reranker");
    let exports = contract.exports();
    let (plain, raw) = (shape(&exports, ""), shape(&exports, "raw:"));
    let template = contract.template(plain.clone());
    let folder = tempfile::tempdir().expect("a folder");
    let room = Room::with(|settings: &mut PluginSettings| {
        settings.cache_dir = folder.path().to_owned();
        settings.limits.init_deadline = DEADLINE;
        settings.limits.scoring_deadline = DEADLINE;
        settings.limits.memory_bytes = 8 << 20;
    });
    let next = AtomicU64::new(0);
    let outcomes = Mutex::new(BTreeMap::<(Reached, &str), u32>::new());
    let work = || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .expect("a runtime");
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= N_MODULES {
                return;
            }
            let module = if seed.is_multiple_of(2) {
                random_module(seed, &plain)
            } else {
                let turn = usize::try_from(seed / 2).expect("small") % CALLED.len();
                steered(&random_module(seed, &raw), &exports, CALLED[turn])
            };
            let component = template.holding(&module);
            let outcome = runtime.block_on(run(&room, &component));
            *outcomes
                .lock()
                .expect("outcomes")
                .entry(outcome)
                .or_default() += 1;
        }
    };
    thread::scope(|scope| {
        let threads = [(); 2].map(|()| scope.spawn(work));
        for thread in threads {
            thread.join().expect("no module brings a thread down");
        }
    });
    let outcomes = outcomes.into_inner().expect("outcomes");
    let n_at_least = |reached| -> u32 {
        let at_least = outcomes.iter().filter(|((got, _), _)| *got >= reached);
        at_least.map(|(_, n)| n).sum()
    };
    let (n_guest, n_work) = (n_at_least(Reached::Guest), n_at_least(Reached::Work));
    eprintln!(
        "{N_MODULES} random modules: {n_guest} reached guest code, {n_work} `rerank`: {outcomes:?}"
    );
    assert_eq!(u64::from(outcomes.values().sum::<u32>()), N_MODULES);
    assert!(n_guest >= 1_000, "{n_guest} reached guest code");
    assert!(n_work >= 500, "{n_work} reached `rerank`");
    let engine = outcomes.keys().find(|(_, code)| *code == "plugin_engine");
    assert_eq!(engine, None, "nothing is the engine's fault");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build();
    runtime.expect("a runtime").block_on(behaves(&Room::new()));
}
