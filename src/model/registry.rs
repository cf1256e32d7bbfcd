//! The models of a folder, by name.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::file::{FileError, ModelFile};
use super::score::CompiledModel;

#[cfg(test)]
mod tests;

/// The models SQL can name. Read once; never changes.
#[derive(Debug, Default)]
pub struct Registry {
    models: BTreeMap<String, Entry>,
}

#[derive(Debug)]
struct Entry {
    file: ModelFile,
    compiled: Arc<CompiledModel>,
}

impl Registry {
    /// The models of every `*.json` in the folder, whose names must differ. A folder that is not there is an
    /// empty registry; a file that is no model is an error that names it.
    pub fn load_dir(folder: &Path) -> Result<Self, FileError> {
        let failed = |source| FileError::Read { path: folder.to_owned(), source };
        let entries = match std::fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(failed(error)),
        };
        let mut paths = Vec::new();
        for entry in entries {
            let path = entry.map_err(failed)?.path();
            if path.extension().is_some_and(|extension| extension == "json") {
                paths.push(path);
            }
        }
        // In the order of their names, so that an error does not depend on the file system.
        paths.sort();
        let mut registry = Self::default();
        let mut origin: BTreeMap<String, PathBuf> = BTreeMap::new();
        for path in paths {
            let file = ModelFile::load(&path)?;
            if let Some(first) = origin.insert(file.name().to_owned(), path.clone()) {
                return Err(FileError::Duplicate { name: file.name().to_owned(), first, second: path });
            }
            registry.insert(file);
        }
        Ok(registry)
    }

    /// Adds a model; one of the same name is replaced.
    pub fn insert(&mut self, file: ModelFile) {
        let compiled = Arc::new(CompiledModel::new(&file));
        self.models.insert(file.name().to_owned(), Entry { file, compiled });
    }

    /// The scorer of a model.
    pub fn get(&self, name: &str) -> Option<&Arc<CompiledModel>> {
        self.models.get(name).map(|entry| &entry.compiled)
    }

    /// The model files, in the order of their names.
    pub fn files(&self) -> impl Iterator<Item = &ModelFile> {
        self.models.values().map(|entry| &entry.file)
    }

    /// The names, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.models.keys().map(String::as_str)
    }
}
