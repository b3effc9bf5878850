//! Indexing the bundled corpus, and searching it.

use std::time::Instant;

use anyhow::Result;
use phagen_corpus::Corpus;
use phagen_domain::query::CorpusRequest;
use phagen_server::bootstrap;

use crate::{
    setting::{MOLECULES, Setting},
    timing::Timings,
};

const N_IMPORTS: usize = 5;
const N_SEARCHES: usize = 200;

pub(crate) fn measure(setting: &Setting) -> Result<()> {
    indexing(setting)?;
    let house = setting.open(false)?;
    let mut runs = Vec::new();
    for _ in 0..N_SEARCHES {
        for molecule in MOLECULES {
            let request = CorpusRequest {
                names: vec![molecule.to_owned()],
                limit: 40,
                ..CorpusRequest::default()
            };
            let begun = Instant::now();
            house.corpus.search(&request)?;
            runs.push(begun.elapsed());
        }
    }
    println!(
        "  search by one name, 40 kept       {}",
        Timings::of(runs).summary()
    );
    Ok(())
}

fn indexing(setting: &Setting) -> Result<()> {
    let mut rates = Vec::new();
    for _ in 0..N_IMPORTS {
        let folder = tempfile::tempdir()?;
        let corpus = Corpus::open(folder.path())?;
        let begun = Instant::now();
        let mut n_passages = 0;
        for file in bootstrap::bundled_files(&setting.share)? {
            n_passages += corpus
                .import_file(&file, &mut |_| {}, &|| false)?
                .n_passages;
        }
        rates.push(n_passages as f64 / begun.elapsed().as_secs_f64());
    }
    rates.sort_unstable_by(f64::total_cmp);
    println!(
        "  indexing, commits included        {:.0} passages a second (median of {N_IMPORTS})",
        rates[N_IMPORTS / 2]
    );
    Ok(())
}
