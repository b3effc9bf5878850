//! A result as a scientist reads it in the terminal. Says only what the result holds.

mod disease;
mod evidence;
mod molecule;
mod source;
mod text;
mod verdict;

use phagen_domain::result::JobResult;

use self::text::Page;

/// The whole report.
pub fn render(result: &JobResult) -> String {
    let mut page = Page::default();
    molecule::write(&mut page, &result.molecule);
    verdict::write(&mut page, &result.recommendation);
    disease::write(&mut page, &result.repurposing_suggestions);
    evidence::write(&mut page, result);
    verdict::write_story(&mut page, &result.innovation_story);
    source::write(&mut page, result);
    page.finish()
}
