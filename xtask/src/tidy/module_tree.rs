//! The modules of a crate, and the names that each takes from another. They are read from the
//! syntax of the files. The arguments of a macro are read as words, because nothing here knows what
//! the macro makes of them.
//!
//! Tests are left out: items under `#[cfg(test)]`, and modules called `tests`.

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{Attribute, Ident, Item, ItemMacro, UseTree};

use super::tree::{File, Tree};
use super::violation::Violation;

/// The largest number of re-exports that are followed one after another, so that a name that leads
/// back to itself does not loop forever.
const MOST_STEPS: usize = 16;

/// The modules of one package: its library and its programs.
#[derive(Debug, Default)]
pub(super) struct ModuleTree {
    modules: Vec<Module>,
    /// The package's name as code spells it, and the root of its library.
    library: Option<(String, usize)>,
}

/// One module, in a file of its own or inside another's.
#[derive(Debug, Default)]
struct Module {
    file: String,
    parent: Option<usize>,
    children: BTreeMap<String, usize>,
    defined: BTreeSet<String>,
    /// The names that `use` brings in, each with its path.
    imported: Vec<(String, Vec<String>)>,
    /// The paths of `use …::*`.
    globs: Vec<Vec<String>>,
    /// Words passed to a macro that makes items; some of them are names that it defines.
    given_to_macros: BTreeSet<String>,
    /// At a crate's root: its exported macros, with the module that defines each.
    exported: BTreeMap<String, usize>,
    /// Paths that the code names.
    named: BTreeSet<Vec<String>>,
}

/// A name that one file takes from another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct TakenName {
    pub(super) by: String,
    pub(super) from: String,
    pub(super) name: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Target {
    Module(usize),
    Item { module: usize, name: String },
}

impl ModuleTree {
    /// Reads the package in this folder, such as `crates/countersign-store`.
    ///
    /// # Errors
    /// A file is not Rust, or does not exist.
    pub(super) fn read(tree: &Tree, folder: &str) -> Result<Self, Violation> {
        let mut modules = Self::default();
        let package = folder.rsplit('/').next().unwrap_or(folder);
        for root in ["lib", "main"] {
            let Some(file) = tree.file(&format!("{folder}/src/{root}.rs")) else { continue };
            let at = modules.read_file(tree, file, None)?;
            if root == "lib" {
                modules.library = Some((package.replace('-', "_"), at));
            }
        }
        Ok(modules)
    }

    fn read_file(&mut self, tree: &Tree, file: &File, parent: Option<usize>) -> Result<usize, Violation> {
        let refused = |error: syn::Error| Violation::new(&file.path, error.to_string());
        let parsed = syn::parse_file(&file.text).map_err(refused)?;
        let folder = match file.path.rsplit_once('/') {
            Some((folder, "lib.rs" | "main.rs" | "mod.rs")) => folder.to_owned(),
            _ => file.path.trim_end_matches(".rs").to_owned(),
        };
        self.read_module(tree, &file.path, &folder, &parsed.items, parent)
    }

    /// Reads a module. `folder` has the files of the module's children.
    fn read_module(
        &mut self,
        tree: &Tree,
        file: &str,
        folder: &str,
        items: &[Item],
        parent: Option<usize>,
    ) -> Result<usize, Violation> {
        let at = self.modules.len();
        let mut module = Module { file: file.to_owned(), parent, ..Module::default() };
        for item in items {
            module.define(item);
            module.visit_item(item);
        }
        self.modules.push(module);
        for item in items {
            // `#[macro_export]` makes the macro a name of the crate's root.
            if let Item::Macro(ItemMacro { attrs, ident: Some(name), .. }) = item
                && attrs.iter().any(|attribute| attribute.path().is_ident("macro_export"))
            {
                let root = self.root_of(at);
                self.modules[root].exported.insert(name.to_string(), at);
            }
            let Item::Mod(module) = item else { continue };
            let name = module.ident.to_string();
            if is_test(&module.attrs) || name == "tests" {
                continue;
            }
            let below = format!("{folder}/{name}");
            let child = if let Some((_, items)) = &module.content {
                self.read_module(tree, file, &below, items, Some(at))?
            } else {
                let places = [format!("{below}.rs"), format!("{below}/mod.rs")];
                let Some(child) = places.iter().find_map(|place| tree.file(place)) else {
                    return Err(Violation::new(file, format!("there is no file for its module {name}")));
                };
                self.read_file(tree, child, Some(at))?
            };
            self.modules[at].children.insert(name, child);
        }
        Ok(at)
    }

    fn root_of(&self, mut module: usize) -> usize {
        while let Some(parent) = self.modules[module].parent {
            module = parent;
        }
        module
    }

    /// Every name that a file takes from another file of the package.
    pub(super) fn taken(&self) -> BTreeSet<TakenName> {
        let mut taken = BTreeSet::new();
        for (at, module) in self.modules.iter().enumerate() {
            let paths = module.named.iter().chain(module.imported.iter().map(|(_, path)| path));
            for target in paths.flat_map(|path| self.resolve(at, path, MOST_STEPS)) {
                let Target::Item { module: holder, name } = target else { continue };
                let from = &self.modules[holder].file;
                if *from != module.file {
                    taken.insert(TakenName { by: module.file.clone(), from: from.clone(), name });
                }
            }
        }
        taken
    }

    /// The meanings of a path in a module: several if a type, a function, a macro and a module share a name.
    fn resolve(&self, from: usize, path: &[String], steps: usize) -> Vec<Target> {
        let Some((first, rest)) = path.split_first() else { return Vec::new() };
        let mut found = match first.as_str() {
            "crate" => vec![Target::Module(self.root_of(from))],
            name => match &self.library {
                Some((library, root)) if library == name => vec![Target::Module(*root)],
                Some(_) | None => self.look_up(from, name, steps),
            },
        };
        for (at, name) in rest.iter().enumerate() {
            let modules: Vec<usize> = found
                .iter()
                .filter_map(|target| if let Target::Module(module) = target { Some(*module) } else { None })
                .collect();
            if modules.is_empty() {
                // The name is a variant or an associated item, which is in the file of its type.
                return found;
            }
            let is_last = at + 1 == rest.len();
            found = modules
                .into_iter()
                .flat_map(|module| match self.look_up(module, name, steps) {
                    // The name belongs to another crate, or a macro makes it in a way that cannot
                    // be seen here.
                    nothing if nothing.is_empty() => vec![Target::Item { module, name: name.clone() }],
                    found => found,
                })
                .collect();
            if !is_last && found.iter().any(|target| matches!(target, Target::Module(_))) {
                found.retain(|target| matches!(target, Target::Module(_)));
            }
        }
        found
    }

    fn look_up(&self, at: usize, name: &str, steps: usize) -> Vec<Target> {
        let Some(steps) = steps.checked_sub(1) else { return Vec::new() };
        let module = &self.modules[at];
        match name {
            "self" => return vec![Target::Module(at)],
            "super" => return module.parent.map(Target::Module).into_iter().collect(),
            _ => {}
        }
        let here = || Target::Item { module: at, name: name.to_owned() };
        let mut found: Vec<Target> =
            module.children.get(name).map(|child| Target::Module(*child)).into_iter().collect();
        if module.defined.contains(name) {
            found.push(here());
        }
        if let Some(holder) = module.exported.get(name) {
            found.push(Target::Item { module: *holder, name: name.to_owned() });
        }
        for (_, path) in module.imported.iter().filter(|(imported, _)| imported == name) {
            found.extend(self.resolve(at, path, steps).into_iter().filter(|target| *target != here()));
        }
        if found.is_empty() {
            for module in module.globs.iter().flat_map(|path| self.resolve(at, path, steps)) {
                if let Target::Module(module) = module {
                    found.extend(self.look_up(module, name, steps));
                }
            }
        }
        if found.is_empty() && module.given_to_macros.contains(name) {
            found.push(here());
        }
        found
    }
}

fn is_test(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let list = attribute.meta.require_list();
        list.is_ok_and(|list| list.path.is_ident("cfg") && list.tokens.to_string() == "test")
    })
}

/// An item's attributes, and the name that it defines.
fn parts(item: &Item) -> Option<(&[Attribute], Option<&Ident>)> {
    Some(match item {
        Item::Const(item) => (&item.attrs, Some(&item.ident)),
        Item::Enum(item) => (&item.attrs, Some(&item.ident)),
        Item::Fn(item) => (&item.attrs, Some(&item.sig.ident)),
        Item::Impl(item) => (&item.attrs, None),
        Item::Macro(item) => (&item.attrs, item.ident.as_ref()),
        Item::Static(item) => (&item.attrs, Some(&item.ident)),
        Item::Struct(item) => (&item.attrs, Some(&item.ident)),
        Item::Trait(item) => (&item.attrs, Some(&item.ident)),
        Item::Type(item) => (&item.attrs, Some(&item.ident)),
        Item::Union(item) => (&item.attrs, Some(&item.ident)),
        Item::Use(item) => (&item.attrs, None),
        _ => return None,
    })
}

/// Gathers what one module defines, brings in and names.
impl Module {
    fn define(&mut self, item: &Item) {
        if let Item::Macro(ItemMacro { ident: None, mac, .. }) = item {
            words(&mac.tokens, &mut self.given_to_macros);
        }
        let Some((_, Some(name))) = parts(item) else { return };
        self.defined.insert(name.to_string());
    }

    fn import(&mut self, tree: &UseTree, mut path: Vec<String>) {
        match tree {
            UseTree::Path(tree) => {
                path.push(tree.ident.to_string());
                self.import(&tree.tree, path);
            }
            UseTree::Group(group) => group.items.iter().for_each(|tree| self.import(tree, path.clone())),
            UseTree::Glob(_) => self.globs.push(path),
            UseTree::Name(name) => {
                if name.ident != "self" {
                    path.push(name.ident.to_string());
                }
                if let Some(name) = path.last().cloned() {
                    self.imported.push((name, path));
                }
            }
            UseTree::Rename(rename) => {
                if rename.ident != "self" {
                    path.push(rename.ident.to_string());
                }
                self.imported.push((rename.rename.to_string(), path));
            }
        }
    }

    /// Adds the paths among a macro's words. A name after one dot is a method or a member, and does not count.
    fn paths_among(&mut self, tokens: &TokenStream) {
        let mut path: Vec<String> = Vec::new();
        let (mut colons, mut dots) = (0, 0);
        for token in tokens.clone() {
            match token {
                TokenTree::Ident(ident) => {
                    if colons != 2 {
                        self.name(std::mem::take(&mut path));
                    }
                    if dots == 1 {
                        path.clear();
                    } else {
                        path.push(ident.to_string());
                    }
                    (colons, dots) = (0, 0);
                }
                TokenTree::Punct(sign) if sign.as_char() == ':' => colons += 1,
                token => {
                    self.name(std::mem::take(&mut path));
                    colons = 0;
                    dots = if is_dot(&token) { dots + 1 } else { 0 };
                    if let TokenTree::Group(group) = token {
                        self.paths_among(&group.stream());
                    }
                }
            }
        }
        self.name(path);
    }

    fn name(&mut self, path: Vec<String>) {
        if !path.is_empty() {
            self.named.insert(path);
        }
    }
}

fn is_dot(token: &TokenTree) -> bool {
    matches!(token, TokenTree::Punct(sign) if sign.as_char() == '.')
}

fn words(tokens: &TokenStream, into: &mut BTreeSet<String>) {
    for token in tokens.clone() {
        match token {
            TokenTree::Ident(ident) => {
                into.insert(ident.to_string());
            }
            TokenTree::Group(group) if group.delimiter() != Delimiter::None => words(&group.stream(), into),
            _ => {}
        }
    }
}

impl<'ast> Visit<'ast> for Module {
    fn visit_item(&mut self, item: &'ast Item) {
        if matches!(item, Item::Mod(_)) {
            return;
        }
        let is_test = parts(item).is_some_and(|(attributes, _)| is_test(attributes));
        if !is_test {
            visit::visit_item(self, item);
        }
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        if !is_test(&item.attrs) {
            visit::visit_impl_item_fn(self, item);
        }
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.import(&item.tree, Vec::new());
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        self.name(path.segments.iter().map(|segment| segment.ident.to_string()).collect());
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, called: &'ast syn::Macro) {
        self.paths_among(&called.tokens);
        visit::visit_macro(self, called);
    }

    fn visit_meta_list(&mut self, list: &'ast syn::MetaList) {
        self.paths_among(&list.tokens);
        visit::visit_meta_list(self, list);
    }
}
