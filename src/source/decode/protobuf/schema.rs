//! The `.proto` text of a schema, compiled.

use std::collections::HashMap;
use std::path::Path;

use prost_reflect::{FileDescriptor, MessageDescriptor};
use protox::Compiler;
use protox::file::{self, FileResolver, GoogleFileResolver};

use super::super::schemas::WrittenSchema;

/// A compiled file.
#[derive(Debug)]
pub(super) struct File(FileDescriptor);

impl File {
    /// Compiles a schema with what it refers to. `google/protobuf/*.proto` is always there.
    pub(super) fn compile(id: u32, schema: &WrittenSchema) -> Result<Self, String> {
        // A name that no import has: a file that imports itself is not to find itself.
        let name = format!("coldstream-schema-{id}.proto");
        let mut texts: HashMap<String, String> =
            schema.references.iter().map(|other| (other.name.clone(), other.text.clone())).collect();
        texts.insert(name.clone(), schema.text.clone());
        let mut compiler = Compiler::with_file_resolver(Texts(texts));
        compiler.include_imports(true);
        compiler.open_file(&name).map_err(|error| one_line(&error))?;
        let file = compiler.descriptor_pool().get_file_by_name(&name);
        file.map(Self).ok_or_else(|| "it was not compiled".into())
    }

    /// The message with the indexes `path`: its place in the file, then its place in the message around it. The
    /// entries of maps, which are messages too, are not counted: nobody wrote them.
    pub(super) fn message(&self, path: &[u32]) -> Result<MessageDescriptor, String> {
        let mut found: Option<MessageDescriptor> = None;
        for &index in path {
            let nth = usize::try_from(index).unwrap_or(usize::MAX);
            found = match &found {
                None => self.0.messages().nth(nth),
                Some(outer) => outer.child_messages().filter(|inner| !inner.is_map_entry()).nth(nth),
            };
            if found.is_none() {
                break;
            }
        }
        found.ok_or_else(|| {
            format!("its file has no message with the indexes {:?}", &path[..path.len().min(8)])
        })
    }
}

/// The files that a schema consists of.
struct Texts(HashMap<String, String>);

impl FileResolver for Texts {
    fn resolve_path(&self, path: &Path) -> Option<String> {
        path.to_str().map(str::to_owned)
    }

    fn open_file(&self, name: &str) -> Result<file::File, protox::Error> {
        match self.0.get(name) {
            Some(text) => file::File::from_source(name, text),
            None => GoogleFileResolver::new().open_file(name),
        }
    }
}

fn one_line(error: &protox::Error) -> String {
    error.to_string().lines().collect::<Vec<_>>().join(" ")
}
