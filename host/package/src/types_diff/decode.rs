//! Types out of the two places that hold them: WIT text and components.

use wit_parser::{
    Function, FunctionKind, Handle, Resolve, Type, TypeDefKind, TypeId, UnresolvedPackageGroup,
    WorldId, WorldItem, decoding::DecodedWasm,
};

use super::{InterfaceTypes, Side, TypeShape, WorldTypes};
use crate::{PackageError, check_whole};

/// The frozen contracts as this host was built with them; each version imports the ones before.
const WIT: &[(&str, &[&str])] = &[
    ("io", &[include_str!("../../../../wit/v0.1.0/deps/io.wit")]),
    (
        "clocks",
        &[include_str!("../../../../wit/v0.1.0/deps/clocks.wit")],
    ),
    (
        "http",
        &[include_str!("../../../../wit/v0.1.0/deps/http.wit")],
    ),
    (
        "v0.1.0",
        &[
            include_str!("../../../../wit/v0.1.0/types.wit"),
            include_str!("../../../../wit/v0.1.0/host.wit"),
            include_str!("../../../../wit/v0.1.0/guest.wit"),
            include_str!("../../../../wit/v0.1.0/worlds.wit"),
        ],
    ),
    (
        "v0.2.0",
        &[
            include_str!("../../../../wit/v0.2.0/guest.wit"),
            include_str!("../../../../wit/v0.2.0/worlds.wit"),
        ],
    ),
];

/// Every version of every world that this host speaks.
pub fn host_types() -> Result<WorldTypes, PackageError> {
    let unreadable = |message: String| PackageError::Types { message };
    let mut resolve = Resolve::default();
    for (package, texts) in WIT {
        let mut sources = wit_parser::SourceMap::default();
        for (n, text) in texts.iter().enumerate() {
            sources.push_str(&format!("{package}/{n}.wit"), *text);
        }
        let group: UnresolvedPackageGroup = sources
            .parse()
            .map_err(|(_, error)| unreadable(error.to_string()))?;
        resolve
            .push_group(group)
            .map_err(|error| unreadable(format!("{error:?}")))?;
    }
    let worlds: Vec<WorldId> = resolve.worlds.iter().map(|(id, _)| id).collect();
    let mut described = WorldTypes {
        side: Side::Host,
        ..WorldTypes::default()
    };
    for world in worlds {
        add_world(&mut described, &resolve, world);
    }
    Ok(described)
}

/// What a component imports and exports, with types. The component is validated whole first.
pub fn describe_types(component: &[u8]) -> Result<WorldTypes, PackageError> {
    check_whole(component)?;
    let decoded = wit_parser::decoding::decode(component).map_err(|error| PackageError::Types {
        message: format!("{error:#}"),
    })?;
    match decoded {
        DecodedWasm::Component(resolve, world) => {
            let mut described = WorldTypes::default();
            add_world(&mut described, &resolve, world);
            Ok(described)
        }
        DecodedWasm::WitPackage(..) => Err(PackageError::Types {
            message: "it holds WIT as data and no code".to_owned(),
        }),
    }
}

fn add_world(described: &mut WorldTypes, resolve: &Resolve, world: WorldId) {
    let world = &resolve.worlds[world];
    for (items, is_export) in [(&world.imports, false), (&world.exports, true)] {
        for (key, item) in items {
            let name = resolve.name_world_key(key);
            let names = if is_export {
                &mut described.exports
            } else {
                &mut described.imports
            };
            names.insert(name.clone());
            if let WorldItem::Interface { id, .. } = item {
                let interface = &resolve.interfaces[*id];
                let entry = described.interfaces.entry(name).or_default();
                add_interface(entry, resolve, interface);
            }
        }
    }
}

fn add_interface(
    described: &mut InterfaceTypes,
    resolve: &Resolve,
    interface: &wit_parser::Interface,
) {
    for (name, id) in &interface.types {
        described
            .types
            .insert(name.clone(), shape(resolve, name, *id));
    }
    for (name, function) in &interface.functions {
        described
            .functions
            .insert(name.clone(), signature(resolve, function));
    }
}

fn shape(resolve: &Resolve, name: &str, id: TypeId) -> TypeShape {
    let text = |ty: &Type| type_text(resolve, ty);
    match &resolve.types[id].kind {
        TypeDefKind::Record(record) => TypeShape::Record(
            record
                .fields
                .iter()
                .map(|field| (field.name.clone(), text(&field.ty)))
                .collect(),
        ),
        TypeDefKind::Variant(variant) => TypeShape::Variant(
            variant
                .cases
                .iter()
                .map(|case| {
                    let carried = case.ty.as_ref().map(text).unwrap_or_default();
                    (case.name.clone(), carried)
                })
                .collect(),
        ),
        TypeDefKind::Enum(cases) => {
            TypeShape::Enum(cases.cases.iter().map(|case| case.name.clone()).collect())
        }
        TypeDefKind::Flags(flags) => {
            TypeShape::Flags(flags.flags.iter().map(|flag| flag.name.clone()).collect())
        }
        TypeDefKind::Resource => TypeShape::Resource,
        // A type that is used from another interface is compared there.
        TypeDefKind::Type(Type::Id(of)) if resolve.types[*of].name.as_deref() == Some(name) => {
            TypeShape::Alias(name.to_owned())
        }
        kind => TypeShape::Alias(kind_text(resolve, kind)),
    }
}

fn type_text(resolve: &Resolve, ty: &Type) -> String {
    let plain = match ty {
        Type::Bool => "bool",
        Type::U8 => "u8",
        Type::U16 => "u16",
        Type::U32 => "u32",
        Type::U64 => "u64",
        Type::S8 => "s8",
        Type::S16 => "s16",
        Type::S32 => "s32",
        Type::S64 => "s64",
        Type::F32 => "f32",
        Type::F64 => "f64",
        Type::Char => "char",
        Type::String => "string",
        Type::ErrorContext => "error-context",
        Type::Id(id) => {
            let definition = &resolve.types[*id];
            return match &definition.name {
                Some(name) => name.clone(),
                None => kind_text(resolve, &definition.kind),
            };
        }
    };
    plain.to_owned()
}

fn kind_text(resolve: &Resolve, kind: &TypeDefKind) -> String {
    let text = |ty: &Type| type_text(resolve, ty);
    let maybe = |ty: &Option<Type>| ty.as_ref().map_or_else(|| "_".to_owned(), text);
    let name_of = |id: &TypeId| resolve.types[*id].name.clone().unwrap_or_default();
    match kind {
        TypeDefKind::List(of) => format!("list<{}>", text(of)),
        TypeDefKind::FixedLengthList(of, n) => format!("list<{}, {n}>", text(of)),
        TypeDefKind::Map(key, value) => format!("map<{}, {}>", text(key), text(value)),
        TypeDefKind::Option(of) => format!("option<{}>", text(of)),
        TypeDefKind::Result(result) => {
            format!("result<{}, {}>", maybe(&result.ok), maybe(&result.err))
        }
        TypeDefKind::Tuple(tuple) => {
            let parts: Vec<String> = tuple.types.iter().map(text).collect();
            format!("tuple<{}>", parts.join(", "))
        }
        TypeDefKind::Handle(Handle::Own(id)) => name_of(id),
        TypeDefKind::Handle(Handle::Borrow(id)) => format!("borrow<{}>", name_of(id)),
        TypeDefKind::Future(of) => format!("future<{}>", maybe(of)),
        TypeDefKind::Stream(of) => format!("stream<{}>", maybe(of)),
        TypeDefKind::Type(of) => text(of),
        other => other.as_str().to_owned(),
    }
}

fn signature(resolve: &Resolve, function: &Function) -> String {
    let is_method = matches!(
        function.kind,
        FunctionKind::Method(_) | FunctionKind::AsyncMethod(_)
    );
    let params: Vec<String> = function
        .params
        .iter()
        .skip(usize::from(is_method))
        .map(|param| format!("{}: {}", param.name, type_text(resolve, &param.ty)))
        .collect();
    let result = function
        .result
        .as_ref()
        .map(|ty| format!(" -> {}", type_text(resolve, ty)))
        .unwrap_or_default();
    format!("func({}){result}", params.join(", "))
}
