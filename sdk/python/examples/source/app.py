"""Asks a JSON interface for evidence: `GET {base_url}/search?q=<molecule>`."""

from urllib.parse import urlencode

from phagen_sdk import (
    Candidate,
    Context,
    Evidence,
    Failure,
    Page,
    Passage,
    Query,
    Signal,
    Source,
    http,
    log,
)


class JsonSource(Source):
    def init(self, context: Context) -> None:
        """`base_url` is the place to ask, such as `https://api.example.org`."""
        self.base_url = context.require("base_url").rstrip("/")
        self.api_key = context.secret("api_key")

    def search(self, query: Query, limit: int, cursor: str | None) -> Page:
        asked = {"q": query.molecule.name, "limit": limit}
        if cursor is not None:
            asked["cursor"] = cursor
        headers = {"accept": "application/json"}
        if self.api_key is not None:
            headers["authorization"] = f"Bearer {self.api_key}"
        answer = http.get(f"{self.base_url}/search?{urlencode(asked)}", headers)
        found = answer.ok().json()
        if not isinstance(found, dict) or not isinstance(found.get("items"), list):
            raise Failure.unavailable(f"`{self.base_url}` answered no list of `items`")
        log.info("asked the source", status=answer.status, n_items=len(found["items"]))
        candidates = [candidate(item, rank) for rank, item in enumerate(found["items"][:limit], 1)]
        return Page(candidates, found.get("cursor"))


def candidate(item: dict, rank: int) -> Candidate:
    """One of `{"id", "kind", "title", "text", "date", "url"}`."""
    try:
        evidence = Evidence(
            evidence_id=item["id"],
            kind=item.get("kind", "literature"),
            title=item["title"],
            citation=item.get("citation", ""),
            url=item.get("url"),
            date=item.get("date"),
            passages=[Passage(1, None, item["text"])] if item.get("text") else [],
        )
    except (KeyError, TypeError) as error:
        raise Failure.unavailable(f"item {rank} of the answer is not evidence: {error!r}") from None
    return Candidate(evidence, [Signal("source_rank", float(rank))])
