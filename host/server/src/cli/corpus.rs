//! `phagen corpus import|stats|search`

use std::{path::PathBuf, process::ExitCode, sync::Arc};

use anyhow::Result;
use clap::Subcommand;
use phagen_domain::{evidence::EvidenceKind, query::CorpusRequest};
use tokio_util::sync::CancellationToken;

use super::{
    import::{self, Bundle},
    stop, write,
};
use crate::{
    blobs, bootstrap,
    config::Settings,
    house,
    snapshot::{Begin, Snapshots},
};

#[derive(Subcommand)]
pub(super) enum Command {
    /// Index JSONL files, plain or gzip; unchanged documents are skipped.
    Import {
        /// Files in one of the shapes of data/README.md; none: the bundled corpus.
        files: Vec<PathBuf>,
        /// Begin with the bundled corpus alone, without what was imported before.
        #[arg(long)]
        anew: bool,
    },
    /// Count documents and passages by kind.
    Stats,
    /// Search as a source does, or by free text.
    Search {
        /// Words to search for.
        text: String,
        /// Only documents that hold one of these names, as a phrase; may be repeated.
        #[arg(long, value_name = "NAME")]
        name: Vec<String>,
        /// clinical, literature, regulatory, patent or market.
        #[arg(long)]
        kind: Option<String>,
        #[arg(long, value_name = "YEAR")]
        from: Option<u16>,
        #[arg(long, value_name = "YEAR")]
        to: Option<u16>,
        #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=i64::from(CorpusRequest::MAX_LIMIT)))]
        limit: u32,
    },
}

pub(super) async fn run(settings: Settings, command: Command) -> Result<ExitCode> {
    bootstrap::prepare_data_dir(&settings.data_dir)?;
    let store = house::open_store(&settings).await?;
    let blobs = Arc::new(blobs::open(&settings).await?);
    let snapshots = house::open_snapshots(&settings, &store, &blobs).await?;
    match command {
        Command::Import { files, anew } => import(&settings, &snapshots, files, anew).await,
        Command::Stats => {
            snapshots.catch_up().await?;
            stats(&snapshots.corpus().now())
        }
        Command::Search {
            text,
            name,
            kind,
            from,
            to,
            limit,
        } => {
            let kind = kind.map(|name| parse_kind(&name)).transpose()?;
            let request = CorpusRequest {
                names: name,
                text,
                kind,
                year_from: from,
                year_to: to,
                limit,
                cursor: None,
            };
            snapshots.catch_up().await?;
            search(&snapshots.corpus().now(), &request)
        }
    }
}

async fn import(
    settings: &Settings,
    snapshots: &Snapshots,
    files: Vec<PathBuf>,
    anew: bool,
) -> Result<ExitCode> {
    let files = if files.is_empty() || anew {
        let share_dir = bootstrap::find_share_dir(settings.share_dir.as_deref())?;
        let mut all = Bundle::find(&share_dir)?.files;
        all.extend(files.into_iter().map(|file| (file, None)));
        all
    } else {
        files.into_iter().map(|file| (file, None)).collect()
    };
    let shutdown = CancellationToken::new();
    stop::listen(&shutdown)?;
    let begin = if anew { Begin::Anew } else { Begin::Wait };
    let reports = import::import(snapshots, begin, files, &shutdown).await?;
    if reports.is_empty() {
        write::line("nothing to import: the corpus has this bundle");
    }
    for (file, report) in &reports {
        write::line(&import::describe(file, report));
    }
    let all_good = reports.iter().all(|(_, report)| report.n_bad_lines == 0);
    Ok(if all_good {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(2)
    })
}

fn parse_kind(name: &str) -> Result<EvidenceKind> {
    let known = EvidenceKind::ALL.map(EvidenceKind::as_str);
    anyhow::ensure!(
        known.contains(&name),
        "`{name}` is not a kind: expected one of {}",
        known.join(", ")
    );
    Ok(EvidenceKind::from_name(name))
}

fn stats(corpus: &phagen_corpus::Corpus) -> Result<ExitCode> {
    let stats = corpus.stats()?;
    for count in &stats.by_kind {
        write::line(&format!(
            "{:<12} {:>8} documents {:>8} passages",
            count.kind.as_str(),
            count.n_documents,
            count.n_passages
        ));
    }
    write::line(&format!(
        "{:<12} {:>8} documents {:>8} passages   generation {}   {} kB",
        "all",
        stats.n_documents,
        stats.n_passages,
        stats.generation,
        stats.index_bytes / 1000
    ));
    write::line(&format!("index {}", corpus.state()));
    Ok(ExitCode::SUCCESS)
}

fn search(corpus: &phagen_corpus::Corpus, request: &CorpusRequest) -> Result<ExitCode> {
    let page = corpus.search(request)?;
    if page.candidates.is_empty() {
        write::note("nothing found");
    }
    for (index, candidate) in page.candidates.iter().enumerate() {
        let evidence = &candidate.evidence;
        let signals: Vec<String> = candidate
            .signals
            .iter()
            .filter(|signal| signal.name.starts_with("bm25"))
            .map(|signal| format!("{} {:.2}", signal.name, signal.value))
            .collect();
        write::line(&format!(
            "{:>3}. {:<14} {:<11} {}\n     {}",
            index + 1,
            evidence.evidence_id.to_string(),
            evidence.kind.as_str(),
            evidence.title,
            signals.join("  ")
        ));
    }
    Ok(ExitCode::SUCCESS)
}
