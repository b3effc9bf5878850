"""Recognises the terms of a small dictionary that stands in the slot's configuration."""

import re

from phagen_sdk import Context, Document, Failure, Finding, Mapper, Molecule, Passage, Span


class DictionaryMapper(Mapper):
    def init(self, context: Context) -> None:
        """`terms` such as `headache=D006261;migraine=D008881`: a term and its descriptor."""
        self.terms: dict[str, str] = {}
        for pair in filter(None, context.config("terms", "").split(";")):
            term, _, mesh_id = pair.partition("=")
            if not term.strip() or not re.fullmatch(r"[CD]\d{6,9}", mesh_id.strip()):
                raise Failure.invalid_config(f"`terms` holds `{pair}`; write `headache=D006261`")
            self.terms[term.strip().lower()] = mesh_id.strip()
        # The longest first, so that `cluster headache` is not found as `headache`.
        longest_first = sorted(self.terms, key=len, reverse=True)
        words = "|".join(map(re.escape, longest_first)) or r"(?!)"
        self.pattern = re.compile(rf"\b({words})\b", re.IGNORECASE)

    def find(self, molecule: Molecule | None, documents: list[Document]) -> list[Finding]:
        return [
            self.finding(document, passage, match)
            for document in documents
            for passage in document.passages
            for match in self.pattern.finditer(passage.text)
        ]

    def finding(self, document: Document, passage: Passage, match: re.Match[str]) -> Finding:
        return Finding(
            evidence_id=document.evidence_id,
            ground=Span.of(passage, match.start(), match.end()),
            mesh_id=self.terms[match[0].lower()],
            matched_text=match[0],
            negated=bool(re.search(r"\b(no|without)\s+$", passage.text[: match.start()], re.I)),
        )

    def self_test(self) -> None:
        probe = Document("PMID:1", [Passage(0, None, term) for term in self.terms])
        if len(self.find(None, [probe])) != len(self.terms):
            raise Failure("internal", "not every term of the dictionary recognises itself")
