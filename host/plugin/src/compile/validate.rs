//! What a whole component is held against before any compiler sees it.
//!
//! First the rules of WebAssembly. Wasmtime checks them too, but a function at a time while it
//! already compiles others: a component whose last function is broken would cost all the work
//! before it. Then its size *unfolded*: a component may instantiate another twice, which
//! instantiates a third twice, and so on; the compiler writes out every one, so that sixty lines
//! would keep it busy for ever. Nothing here looks at what a component means; that is
//! [`world`](crate::world)'s.

use wasmparser::{
    BinaryReaderError, ComponentAlias, ComponentExternalKind, ComponentInstance,
    ComponentOuterAliasKind, Encoding, Instance, Parser, Payload, Validator, WasmFeatures,
};

use crate::PluginError;

/// Instances, aliases, functions and types of a component, those of the components that it
/// instantiates counted each time. A Rust guest has some hundred.
const MAX_UNFOLDED_ITEMS: u64 = 200_000;

/// Components and modules within each other. A component made by the usual tools has two levels; the
/// validator's time grows with the square of them.
const MAX_DEPTH: usize = 100;

/// Refuses a component that breaks a rule, needs a proposal that the engines do not take, or is
/// larger than it looks.
pub(crate) fn validate(component: &[u8]) -> Result<(), PluginError> {
    if depth(component).map_err(broken)? > MAX_DEPTH {
        return Err(PluginError::Invalid {
            reason: format!("more than {MAX_DEPTH} components stand within each other"),
        });
    }
    Validator::new_with_features(features())
        .validate_all(component)
        .map_err(broken)?;
    let n_items = n_unfolded_items(component).map_err(broken)?;
    if n_items.is_none_or(|n| n > MAX_UNFOLDED_ITEMS) {
        return Err(PluginError::Invalid {
            reason: format!(
                "the components within it, each counted as often as it is instantiated, hold more than {MAX_UNFOLDED_ITEMS} items; link its parts into one module"
            ),
        });
    }
    Ok(())
}

#[expect(clippy::needless_pass_by_value, reason = "for `map_err`")]
fn broken(error: BinaryReaderError) -> PluginError {
    PluginError::Invalid {
        reason: error.to_string(),
    }
}

/// How deep components and modules stand within each other, as far as that matters.
fn depth(component: &[u8]) -> Result<usize, BinaryReaderError> {
    let (mut depth, mut deepest) = (0_usize, 0);
    for payload in Parser::new(0).parse_all(component) {
        match payload? {
            Payload::Version { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
        if deepest > MAX_DEPTH {
            break;
        }
    }
    Ok(deepest)
}

/// What Wasmtime takes when it is built as this host builds it, without garbage collection and
/// threads, and set up as [`engine::config`](crate::engine::config) does.
fn features() -> WasmFeatures {
    let mut features = WasmFeatures::WASM3 | WasmFeatures::COMPONENT_MODEL;
    features.remove(WasmFeatures::GC_TYPES | WasmFeatures::EXCEPTIONS | WasmFeatures::THREADS);
    features
}

/// A component or module that is being read.
#[derive(Default)]
struct Scope {
    is_component: bool,
    n_items: u64,
    /// The components that can be named here, each with the items it unfolds to; none for one that
    /// is handed in and may be anything.
    components: Vec<Option<u64>>,
    /// Something that may be anything is instantiated here.
    is_open: bool,
}

impl Scope {
    fn add(&mut self, n_items: usize) {
        self.n_items = self.n_items.saturating_add(n_items as u64);
    }

    fn unfolded(&self) -> Option<u64> {
        (!self.is_open).then_some(self.n_items)
    }

    fn component(&self, index: u32) -> Option<u64> {
        self.components.get(index as usize).copied().flatten()
    }

    fn instantiate(&mut self, index: u32) {
        match self.component(index) {
            Some(n_items) => self.n_items = self.n_items.saturating_add(n_items),
            None => self.is_open = true,
        }
    }
}

/// The items of a valid component with every instance written out; none where what is instantiated
/// comes from elsewhere.
fn n_unfolded_items(component: &[u8]) -> Result<Option<u64>, BinaryReaderError> {
    let mut outer: Vec<Scope> = Vec::new();
    let mut here = Scope::default();
    for payload in Parser::new(0).parse_all(component) {
        match payload? {
            Payload::Version { encoding, .. } => {
                let scope = Scope {
                    is_component: encoding == Encoding::Component,
                    ..Scope::default()
                };
                outer.push(std::mem::replace(&mut here, scope));
            }
            Payload::End(_) => {
                let done = std::mem::replace(&mut here, outer.pop().unwrap_or_default());
                if outer.is_empty() {
                    return Ok(done.unfolded());
                }
                if done.is_component {
                    here.components.push(done.unfolded());
                }
            }
            payload => read(&payload, &mut here, &outer)?,
        }
    }
    Ok(None)
}

/// Counts what one section adds to the component that it belongs to.
fn read(payload: &Payload<'_>, here: &mut Scope, outer: &[Scope]) -> Result<(), BinaryReaderError> {
    match payload {
        Payload::InstanceSection(instances) => {
            for instance in instances.clone() {
                here.add(match instance? {
                    Instance::Instantiate { args, .. } => 1 + args.len(),
                    Instance::FromExports(exports) => 1 + exports.len(),
                });
            }
        }
        Payload::ComponentInstanceSection(instances) => {
            for instance in instances.clone() {
                match instance? {
                    ComponentInstance::FromExports(exports) => here.add(1 + exports.len()),
                    ComponentInstance::Instantiate {
                        component_index,
                        args,
                    } => {
                        here.add(1 + args.len());
                        here.instantiate(component_index);
                    }
                }
            }
        }
        Payload::ComponentAliasSection(aliases) => {
            for alias in aliases.clone() {
                here.add(1);
                if let Some(component) = aliased(&alias?, here, outer) {
                    here.components.push(component);
                }
            }
        }
        Payload::ComponentImportSection(imports) => {
            for import in imports.clone() {
                here.add(1);
                if import?.ty.kind() == ComponentExternalKind::Component {
                    here.components.push(None);
                }
            }
        }
        Payload::ComponentExportSection(exports) => {
            for export in exports.clone() {
                let export = export?;
                here.add(1);
                // What is exported can be named anew.
                if export.kind == ComponentExternalKind::Component {
                    here.components.push(here.component(export.index));
                }
            }
        }
        Payload::ComponentCanonicalSection(functions) => here.add(functions.count() as usize),
        Payload::ComponentTypeSection(types) => here.add(types.count() as usize),
        Payload::CoreTypeSection(types) => here.add(types.count() as usize),
        _ => {}
    }
    Ok(())
}

/// What an alias names, if that is a component.
#[expect(
    clippy::option_option,
    reason = "no component, one of unknown size, one of known size"
)]
fn aliased(alias: &ComponentAlias<'_>, here: &Scope, outer: &[Scope]) -> Option<Option<u64>> {
    match *alias {
        ComponentAlias::InstanceExport {
            kind: ComponentExternalKind::Component,
            ..
        } => Some(None),
        ComponentAlias::Outer {
            kind: ComponentOuterAliasKind::Component,
            count,
            index,
        } => Some(match count {
            0 => here.component(index),
            count => outer
                .len()
                .checked_sub(count as usize)
                .and_then(|at| outer.get(at)?.component(index)),
        }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Purpose, config};
    use wasmtime::{Engine, component::Component};

    /// Whatever the validator takes the engine takes, and the other way round.
    #[test]
    fn the_rules_are_those_of_the_engines() {
        for (text, expected) in [
            ("(component)", true),
            (
                "(component (core module (func (result i32) i32.const 1)))",
                true,
            ),
            ("(component (core module (func (result i32))))", false),
            ("(component (core module (memory i64 1) (memory 1)))", true),
            ("(component (core module (func (return_call 0))))", true),
            ("(component (core module (memory 1 1 shared)))", false),
            (
                "(component (core module (func (param (ref null any)))))",
                false,
            ),
            ("(component (core module (tag)))", false),
            ("(component (import \"f\" (func async)))", false),
        ] {
            let bytes = wat::parse_str(text).unwrap();
            let valid = validate(&bytes);
            assert_eq!(valid.is_ok(), expected, "{text}: {valid:?}");
            for purpose in [Purpose::Scoring, Purpose::Io] {
                let engine = Engine::new(&config(purpose, None)).unwrap();
                let taken = Component::new(&engine, &bytes).map(drop);
                assert_eq!(taken.is_ok(), expected, "{text} by {purpose:?}: {taken:?}");
            }
        }
    }

    #[test]
    fn components_stand_within_each_other_only_so_deep() {
        const EMPTY: &[u8] = b"\0asm\x0d\0\x01\0";
        let nested = |n: usize| {
            let component = (1..n).fold(EMPTY.to_vec(), |inner, _| {
                let n = inner.len();
                // Its length, in seven bits at a time.
                let seven = |bits: usize| u8::try_from(bits & 0x7f).unwrap();
                let length = [seven(n) | 0x80, seven(n >> 7)];
                [EMPTY, &[4], &length, &inner].concat()
            });
            validate(&component)
        };
        assert!(nested(MAX_DEPTH).is_ok());
        let error = nested(MAX_DEPTH + 1).unwrap_err();
        assert_eq!(error.code(), "plugin_invalid");
        assert!(
            error.to_string().contains("more than 100 components"),
            "{error}"
        );
    }

    fn unfolded(text: &str) -> Option<u64> {
        n_unfolded_items(&wat::parse_str(text).unwrap()).unwrap()
    }

    #[test]
    fn components_are_counted_as_often_as_they_are_instantiated() {
        const TWICE: &str = "(instance (instantiate $c)) (instance (instantiate $c))";
        let inner = "(component $c (type u8) (type u8) (type u8))";
        assert_eq!(unfolded("(component)"), Some(0));
        assert_eq!(unfolded(&format!("(component {inner})")), Some(0));
        assert_eq!(unfolded(&format!("(component {inner} {TWICE})")), Some(8));
        // Through an alias to what stands outside, through an export, and a level further down.
        let outside = format!(
            "(component {inner} (component $d {TWICE}) (instance (instantiate $d)) (instance (instantiate $d)))"
        );
        // Each $d: the alias and twice the instance with its three types.
        assert_eq!(unfolded(&outside), Some(2 * (1 + 1 + 2 * 4)));
        let exported = format!(
            "(component {inner} (export $e \"e\" (component $c)) (instance (instantiate $e)))"
        );
        assert_eq!(unfolded(&exported), Some(5));
        // Modules in between are no components.
        let module = format!("(component (core module) {inner} (core module) {TWICE})");
        assert_eq!(unfolded(&module), Some(8));
    }

    #[test]
    fn a_component_that_is_handed_in_may_be_anything() {
        for text in [
            "(component (import \"c\" (component $c)) (instance (instantiate $c)))",
            "(component (component $d (import \"c\" (component $c)) (instance (instantiate $c)))
               (component $e) (instance (instantiate $d (with \"c\" (component $e)))))",
            "(component (component $d (component $e) (export \"e\" (component $e)))
               (instance $i (instantiate $d)) (alias export $i \"e\" (component $f))
               (instance (instantiate $f)))",
        ] {
            assert_eq!(unfolded(text), None, "{text}");
        }
        // To carry it and never to use it does no harm.
        let carried = "(component (import \"c\" (component $c)))";
        assert!(unfolded(carried).is_some());
    }
}
