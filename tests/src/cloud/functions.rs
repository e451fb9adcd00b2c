//! What Lambda does with functions: sandboxes of every version that an alias names, and the event sources.

use std::{
    collections::{BTreeMap, BTreeSet, btree_map::Entry},
    path::PathBuf,
    sync::{Arc, PoisonError},
    time::Duration,
};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use super::{
    applied::{environment, list, text, versions},
    keeper::Keeper,
};
use crate::{
    alb::Target,
    lambda_runtime::{Function, Sandboxes},
    worker::Mapping,
};

/// Sandboxes of each version of a function.
const SANDBOXES: usize = 4;

/// All functions of the account.
#[derive(Debug, Default)]
pub(super) struct Functions {
    /// By name and version.
    sandboxes: BTreeMap<(String, String), Arc<Sandboxes>>,
    mappings: BTreeMap<String, Mapping>,
}

impl Functions {
    /// What all of them have written.
    pub(super) fn logs(&self) -> impl Iterator<Item = String> {
        self.sandboxes.values().map(|one| one.output().to_string())
    }

    /// How many versions of a function its alias names.
    pub(super) fn versions_of(&self, function: &str) -> usize {
        let names = self.sandboxes.keys().map(|(name, _)| name);
        names.filter(|name| *name == function).count()
    }

    /// Calls and errors of each function and version since the last time.
    pub(super) fn take_calls(&self) -> impl Iterator<Item = (&(String, String), [u64; 2])> {
        let all = self.sandboxes.iter();
        all.map(|(version, sandboxes)| (version, sandboxes.take_calls()))
    }

    /// The versions behind an alias, each as often as its weight says, in tenths.
    pub(super) fn behind(&self, arn: &str, applied: &Value) -> Result<Vec<(String, Target)>> {
        let mut all = Vec::new();
        for function in list(&applied["functions"])? {
            let name = text(function, "FunctionName")?;
            for alias in list(&function["Aliases"])?
                .iter()
                .filter(|alias| alias["AliasArn"] == arn)
            {
                for (version, tenths) in versions(alias)? {
                    if let Some(sandboxes) = self.sandboxes.get(&(name.to_owned(), version.clone()))
                    {
                        let target = Target::Lambda(Arc::clone(sandboxes));
                        all.extend(vec![(format!("{name}:{version}"), target); tenths]);
                    }
                }
            }
        }
        Ok(all)
    }
}

impl Keeper {
    /// Sandboxes of every version that an alias names, and the workers' event sources.
    pub(super) async fn functions(&self, applied: &Value, functions: &mut Functions) -> Result<()> {
        let mut wanted = BTreeSet::new();
        let mut sources = BTreeSet::new();
        for function in list(&applied["functions"])? {
            let name = text(function, "FunctionName")?;
            for alias in list(&function["Aliases"])? {
                for (version, _) in versions(alias)? {
                    let described = &function["Versions"][&version];
                    let key = (name.to_owned(), version);
                    wanted.insert(key.clone());
                    if let Entry::Vacant(place) = functions.sandboxes.entry(key) {
                        place.insert(Arc::new(self.sandboxes(described).await?));
                    }
                }
                for source in list(&function["EventSources"])? {
                    let id = text(source, "UUID")?;
                    sources.insert(id.to_owned());
                    let (version, _) = versions(alias)?.remove(0);
                    let sandboxes = functions.sandboxes.get(&(name.to_owned(), version));
                    if let (false, Some(sandboxes)) =
                        (functions.mappings.contains_key(id), sandboxes)
                    {
                        let queue = text(source, "EventSourceArn")?;
                        let queue = self.moto.queue_of(queue).await?;
                        let mapping = Mapping::start(queue, Arc::clone(sandboxes));
                        functions.mappings.insert(id.to_owned(), mapping);
                    }
                }
            }
        }
        functions.sandboxes.retain(|key, _| wanted.contains(key));
        functions.mappings.retain(|id, _| sources.contains(id));
        Ok(())
    }

    async fn sandboxes(&self, described: &Value) -> Result<Sandboxes> {
        let hash = text(described, "CodeSha256")?;
        let mut function = Function::new(self.bootstrap(hash)?);
        function.environment = environment(&described["Environment"]["Variables"])?;
        function.environment.extend(self.reach());
        let name = text(described, "FunctionName")?;
        function = function.env("AWS_LAMBDA_FUNCTION_NAME", name);
        function.timeout = Duration::from_secs(described["Timeout"].as_u64().context("a timeout")?);
        let memory = described["MemorySize"].as_u64().context("a memory")?;
        function.memory_mb = u32::try_from(memory)?;
        Ok(Sandboxes::start(function, SANDBOXES).await?)
    }

    /// The program in the zip that was uploaded.
    fn bootstrap(&self, hash: &str) -> Result<PathBuf> {
        for release in &*self.releases.lock().unwrap_or_else(PoisonError::into_inner) {
            if let Some(bootstrap) = release.bootstrap(hash, &self.folder)? {
                return Ok(bootstrap);
            }
        }
        bail!("no zip that was pushed has the hash {hash}: something else was deployed");
    }
}
