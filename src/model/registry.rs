//! The models and baselines of a folder, by name.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::baseline::{BaselineFile, Expectation};
use super::file::{FileError, ModelFile};
use super::score::CompiledModel;

#[cfg(test)]
mod tests;

/// The models SQL can name. Read once; never changes.
#[derive(Debug, Default)]
pub struct Registry {
    models: BTreeMap<String, Entry>,
    baselines: BTreeMap<String, Arc<Expectation>>,
}

/// What a file holds, by its keys.
#[derive(Deserialize)]
struct Kind {
    baseline: Option<IgnoredAny>,
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
            let name = registry.load(&path)?;
            if let Some(first) = origin.insert(name.clone(), path.clone()) {
                return Err(FileError::Duplicate { name, first, second: path });
            }
        }
        Ok(registry)
    }

    /// Adds the model or baseline of a file, and gives its name.
    fn load(&mut self, path: &Path) -> Result<String, FileError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| FileError::Read { path: path.to_owned(), source })?;
        self.insert_text(&text, path)
    }

    /// Adds the model or baseline that `text` holds, and gives its name; `path` is for messages.
    pub fn insert_text(&mut self, text: &str, path: &Path) -> Result<String, FileError> {
        // What is no JSON at all is left to the model's parser, whose message tells where.
        if serde_json::from_str::<Kind>(text).is_ok_and(|kind| kind.baseline.is_some()) {
            let file = BaselineFile::parse(text, path)?;
            self.insert_baseline(&file);
            return Ok(file.name().to_owned());
        }
        let file = ModelFile::parse(text, path)?;
        let name = file.name().to_owned();
        self.insert(file);
        Ok(name)
    }

    /// Adds a baseline; one of the same name is replaced.
    pub fn insert_baseline(&mut self, file: &BaselineFile) {
        self.baselines.insert(file.name().to_owned(), Arc::new(Expectation::new(file)));
    }

    /// A baseline.
    pub fn baseline(&self, name: &str) -> Option<&Arc<Expectation>> {
        self.baselines.get(name)
    }

    /// The names of the baselines, in order.
    pub fn baseline_names(&self) -> impl Iterator<Item = &str> {
        self.baselines.keys().map(String::as_str)
    }

    /// Name and version of every model and baseline: what a result depends on besides its query.
    pub fn versions(&self) -> impl Iterator<Item = (&str, &str)> {
        let models = self.models.values().map(|entry| (entry.file.name(), entry.file.version()));
        models.chain(self.baselines.values().map(|baseline| (baseline.name(), baseline.version())))
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
