"""Finds evidence for a molecule. Replace what it asks, and how it reads the answer."""

from urllib.parse import urlencode

from phagen_sdk import Candidate, Context, Evidence, Page, Passage, Query, Signal, Source, http


class MySource(Source):
    def init(self, context: Context) -> None:
        # Set by whoever installs the plugin; a missing one is told by its name.
        self.base_url = context.require("base_url").rstrip("/")

    def search(self, query: Query, limit: int, cursor: str | None) -> Page:
        asked = urlencode({"q": query.molecule.name, "limit": limit})
        # Leaves only where plugin.toml asks for the place and the slot grants it.
        answer = http.get(f"{self.base_url}/search?{asked}").ok().json()
        items = answer["items"][:limit]
        # Best first. `cursor` of the page says where the next one begins; None: there is none.
        return Page([candidate(item, rank) for rank, item in enumerate(items, 1)])


def candidate(item: dict, rank: int) -> Candidate:
    evidence = Evidence(
        evidence_id=item["id"],  # such as PMID:123 or NCT01907900
        kind="literature",
        title=item["title"],
        url=item.get("url"),
        date=item.get("date"),  # 2019, 2019-03 or 2019-03-07
        passages=[Passage(1, None, item["text"])],
    )
    return Candidate(evidence, [Signal("source_rank", rank)])
