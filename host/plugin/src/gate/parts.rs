//! Counts what a component is made of: core instances, memories and tables, for which the pool has
//! so many places in each plugin.
//!
//! What Wasmtime adds by itself, as the adapters between two components, is not counted here; it
//! has the last word when the component is loaded.

use std::ops::AddAssign;

use wasmparser::{
    ComponentAlias, ComponentExternalKind, ComponentInstance, ComponentOuterAliasKind,
    ComponentTypeRef, Instance, Parser, Payload,
};

use crate::{
    PluginError,
    engine::{N_CORE_INSTANCES, N_MEMORIES, N_TABLES},
};

/// Numbers of each.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Parts {
    pub(super) core_instances: u64,
    pub(super) memories: u64,
    pub(super) tables: u64,
}

impl AddAssign for Parts {
    fn add_assign(&mut self, more: Self) {
        // A component may name itself in doublings: the sum may pass any number.
        self.core_instances = self.core_instances.saturating_add(more.core_instances);
        self.memories = self.memories.saturating_add(more.memories);
        self.tables = self.tables.saturating_add(more.tables);
    }
}

impl Parts {
    /// Whether one instance of the component fits into the pool.
    pub(super) fn fit(self) -> Result<(), PluginError> {
        for (what, n_needed, n_max) in [
            ("core instances", self.core_instances, N_CORE_INSTANCES),
            ("memories", self.memories, N_MEMORIES),
            ("tables", self.tables, N_TABLES),
        ] {
            if n_needed > u64::from(n_max) {
                return Err(PluginError::TooManyParts {
                    what,
                    n_needed,
                    n_max,
                });
            }
        }
        Ok(())
    }
}

/// One component, while its sections go by.
#[derive(Default)]
struct Frame {
    /// Of the modules and components that it can name, by index.
    modules: Vec<Parts>,
    components: Vec<Parts>,
    total: Parts,
}

/// What one instance of a valid component takes up.
pub(super) fn count(component: &[u8]) -> Result<Parts, PluginError> {
    counted(component).map_err(|error| PluginError::Invalid {
        reason: error.to_string(),
    })
}

fn counted(component: &[u8]) -> wasmparser::Result<Parts> {
    let mut outer: Vec<Frame> = Vec::new();
    let mut frame = Frame::default();
    let mut module: Option<Parts> = None;
    for payload in Parser::new(0).parse_all(component) {
        match payload? {
            Payload::ModuleSection { .. } => {
                module = Some(Parts {
                    core_instances: 1,
                    ..Parts::default()
                });
            }
            Payload::ComponentSection { .. } => outer.push(std::mem::take(&mut frame)),
            Payload::MemorySection(section) => {
                let n = u64::from(section.count());
                if let Some(module) = &mut module {
                    module.memories += n;
                }
            }
            Payload::TableSection(section) => {
                let n = u64::from(section.count());
                if let Some(module) = &mut module {
                    module.tables += n;
                }
            }
            Payload::End(_) => match (module.take(), outer.pop()) {
                (Some(module), enclosing) => {
                    frame.modules.push(module);
                    outer.extend(enclosing);
                }
                (None, Some(mut enclosing)) => {
                    enclosing.components.push(frame.total);
                    frame = enclosing;
                }
                (None, None) => return Ok(frame.total),
            },
            payload => frame.take(payload, &outer)?,
        }
    }
    Ok(frame.total)
}

impl Frame {
    fn take(&mut self, payload: Payload<'_>, outer: &[Self]) -> wasmparser::Result<()> {
        match payload {
            Payload::InstanceSection(section) => {
                for instance in section {
                    if let Instance::Instantiate { module_index, .. } = instance? {
                        self.total += at(&self.modules, module_index);
                    }
                }
            }
            Payload::ComponentInstanceSection(section) => {
                for instance in section {
                    if let ComponentInstance::Instantiate {
                        component_index, ..
                    } = instance?
                    {
                        self.total += at(&self.components, component_index);
                    }
                }
            }
            Payload::ComponentImportSection(section) => {
                for import in section {
                    match import?.ty {
                        ComponentTypeRef::Module(_) => self.modules.push(Parts::default()),
                        ComponentTypeRef::Component(_) => self.components.push(Parts::default()),
                        _ => {}
                    }
                }
            }
            Payload::ComponentExportSection(section) => {
                for export in section {
                    let export = export?;
                    self.name_again(export.kind, export.index);
                }
            }
            Payload::ComponentAliasSection(section) => {
                for alias in section {
                    self.alias(&alias?, outer);
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// An export gives what it exports another index.
    fn name_again(&mut self, kind: ComponentExternalKind, index: u32) {
        match kind {
            ComponentExternalKind::Module => self.modules.push(at(&self.modules, index)),
            ComponentExternalKind::Component => self.components.push(at(&self.components, index)),
            _ => {}
        }
    }

    fn alias(&mut self, alias: &ComponentAlias<'_>, outer: &[Self]) {
        match *alias {
            ComponentAlias::InstanceExport { kind, .. } => match kind {
                // Out of an instance: what it is, only Wasmtime follows.
                ComponentExternalKind::Module => self.modules.push(Parts::default()),
                ComponentExternalKind::Component => self.components.push(Parts::default()),
                _ => {}
            },
            ComponentAlias::Outer { kind, count, index } => {
                let enclosing = (count as usize)
                    .checked_sub(1)
                    .and_then(|up| outer.len().checked_sub(up + 1))
                    .and_then(|place| outer.get(place));
                match kind {
                    ComponentOuterAliasKind::CoreModule => {
                        let from = enclosing.map_or(&self.modules, |frame| &frame.modules);
                        self.modules.push(at(from, index));
                    }
                    ComponentOuterAliasKind::Component => {
                        let from = enclosing.map_or(&self.components, |frame| &frame.components);
                        self.components.push(at(from, index));
                    }
                    ComponentOuterAliasKind::CoreType | ComponentOuterAliasKind::Type => {}
                }
            }
            ComponentAlias::CoreInstanceExport { .. } => {}
        }
    }
}

fn at(parts: &[Parts], index: u32) -> Parts {
    parts.get(index as usize).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use wasmtime::{Engine, component::Component};

    use super::*;
    use crate::engine::{Purpose, config};

    #[test]
    fn the_count_is_the_engines() {
        let engine = Engine::new(&config(Purpose::Scoring, None)).unwrap();
        for text in [
            "(component)",
            "(component (core module (memory 1)))",
            "(component (core module $m (memory 1) (memory 1) (table 1 funcref))
                (core instance (instantiate $m)) (core instance (instantiate $m)))",
            "(component (core module $m (memory 1))
                (component $c (alias outer 1 $m (core module $o)) (core instance (instantiate $o)))
                (instance (instantiate $c)) (instance (instantiate $c)))",
            "(component (component $c
                (component $d (core module $m (table 1 funcref)) (core instance (instantiate $m)))
                (instance (instantiate $d)) (instance (instantiate $d)))
                (instance (instantiate $c)) (instance (instantiate $c)))",
        ] {
            let bytes = wat::parse_str(text).unwrap();
            let counted = count(&bytes).unwrap();
            let component = Component::new(&engine, &bytes).unwrap();
            let required = component.resources_required().unwrap();
            assert_eq!(counted.memories, u64::from(required.num_memories), "{text}");
            assert_eq!(counted.tables, u64::from(required.num_tables), "{text}");
        }
    }
}
