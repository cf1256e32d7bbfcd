//! The archive: that it can be written as the epochs need it, and what is in it.

use std::collections::BTreeSet;
use std::path::PathBuf;

use arrow::array::AsArray;
use arrow::datatypes::Int64Type;
use datafusion::common::DataFusionError;
use datafusion::functions_aggregate::expr_fn::sum;
use datafusion::prelude::{SessionContext, col};

use super::Finding;
use crate::archive::{Archive, ArchiveError, EpochManifest, StoreOptions, TableInfo, local_folder};
use crate::schema::{GAPS, MACHINE_ID, MACHINES};

/// What was found, and what other checks compare.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) findings: Vec<Finding>,
    /// How far the store's clock is ahead of ours, microseconds.
    pub(super) ahead: Option<i64>,
    /// The newest epoch of each partition of the topic, where the archive can be read.
    pub(super) epochs: Option<Vec<EpochManifest>>,
    /// The machines that have sent readings, where that can be read.
    pub(super) machines: Option<BTreeSet<String>>,
}

/// Writes, reads, creates again and deletes one object; then reads what there is of `topic`.
pub(super) async fn look(url: &str, options: &StoreOptions, topic: &str) -> Seen {
    let mut seen = Seen::default();
    // Opening makes a local folder; a question must not leave one behind.
    let made = local_folder(url).map(|folder| missing(folder.as_path())).unwrap_or_default();
    match Archive::open(url, options).await {
        Ok(archive) => look_into(&archive, topic, made.is_empty(), &mut seen).await,
        Err(error) => {
            seen.findings.push(Finding::failure("archive", &error, error.hint()));
            seen.findings.push(Finding::unchecked("tables", "the archive does not answer"));
        }
    }
    for folder in made {
        if let Err(error) = std::fs::remove_dir(&folder) {
            tracing::debug!(folder = %folder.display(), %error, "the folder stays");
        }
    }
    seen
}

async fn look_into(archive: &Archive, topic: &str, existed: bool, seen: &mut Seen) {
    match archive.probe().await {
        Ok(probe) => {
            seen.ahead = Some(probe.clock_ahead);
            let place =
                if existed { "" } else { " (the folder is not there yet; `coldstream run` makes it)" };
            let seen_here = format!(
                "{}: written, read, created only once, deleted, in {} ms{place}",
                archive.url(),
                probe.took.as_millis()
            );
            seen.findings.push(Finding::ok("archive", seen_here));
        }
        Err(error) => seen.findings.push(Finding::failure("archive", &error, error.hint())),
    }
    seen.findings.push(match tables(archive).await {
        Ok(tables) if tables.is_empty() => {
            Finding::ok("tables", "none yet: `coldstream run` makes them at its first start")
        }
        Ok(tables) => {
            let told: Vec<String> =
                tables.iter().map(|table| format!("{} {}", table.name, rows(table.rows))).collect();
            let told = told.join(", ");
            match missed(archive, &tables).await {
                Ok(None) => Finding::ok("tables", told),
                Ok(Some(missed)) => {
                    let cure = "they are lost; `SELECT * FROM gaps` tells when and where. Keep the topic's \
                                `retention.ms` above the longest stop of Coldstream";
                    Finding::warning("tables", format!("{told}; {missed}"), Some(cure.into()))
                }
                Err(error) => Finding::failure("tables", &error, error.hint()),
            }
        }
        Err(error) => Finding::failure("tables", &error, error.hint()),
    });
    seen.machines = match machines(archive).await {
        Ok(machines) => Some(machines),
        Err(error) => {
            tracing::debug!(%error, "the table of machines cannot be read");
            None
        }
    };
    match archive.newest_epochs(topic).await {
        Ok(epochs) => seen.epochs = Some(epochs),
        Err(error) => seen.findings.push(Finding::failure("checkpoints", &error, error.hint())),
    }
}

async fn tables(archive: &Archive) -> Result<Vec<TableInfo>, ArchiveError> {
    let mut tables = Vec::new();
    for name in archive.table_names().await? {
        tables.push(Box::pin(archive.table_info(&name)).await?);
    }
    Ok(tables)
}

/// What the table `gaps` says, where there is anything in it.
async fn missed(archive: &Archive, tables: &[TableInfo]) -> Result<Option<String>, ArchiveError> {
    if !tables.iter().any(|table| table.name == GAPS && table.rows > 0) {
        return Ok(None);
    }
    let gaps = archive.table_provider(GAPS).await?;
    let failed =
        |error: DataFusionError| ArchiveError::BadRows { table: GAPS.into(), reason: error.to_string() };
    let gaps = SessionContext::new().read_table(gaps).map_err(failed)?;
    let total = gaps.aggregate(Vec::new(), vec![sum(col("missing"))]).map_err(failed)?;
    let total = total.collect().await.map_err(failed)?;
    let missing: i64 = total
        .iter()
        .filter_map(|batch| batch.column(0).as_primitive_opt::<Int64Type>())
        .flat_map(|column| column.iter().flatten())
        .sum();
    Ok(Some(format!("{missing} messages were gone before they were read")))
}

/// The machines of which the archive has readings.
async fn machines(archive: &Archive) -> Result<BTreeSet<String>, ArchiveError> {
    let failed =
        |error: DataFusionError| ArchiveError::BadRows { table: MACHINES.into(), reason: error.to_string() };
    let table = archive.table_provider(MACHINES).await?;
    let ids = SessionContext::new().read_table(table).and_then(|table| table.select(vec![col(MACHINE_ID)]));
    let ids = ids.map_err(failed)?.distinct().map_err(failed)?.collect().await.map_err(failed)?;
    let ids = ids.iter().filter_map(|batch| batch.column(0).as_string_opt::<i32>());
    Ok(ids.flat_map(|ids| ids.iter().flatten()).map(str::to_owned).collect())
}

fn rows(rows: u64) -> String {
    if rows == 1 { "1 row".into() } else { format!("{rows} rows") }
}

/// `folder` and those above it that are not there, the innermost first.
fn missing(folder: &std::path::Path) -> Vec<PathBuf> {
    // The last ancestor of a relative path is empty: the working directory, which is there.
    let absent = |folder: &&std::path::Path| !folder.as_os_str().is_empty() && !folder.exists();
    folder.ancestors().take_while(absent).map(PathBuf::from).collect()
}
