"""Names diseases in passages. Replace how it recognises them."""

import re

from phagen_sdk import Context, Document, Finding, Mapper, Molecule, Span


class MyMapper(Mapper):
    def init(self, context: Context) -> None:
        # Set by whoever installs the plugin.
        term = context.config("term", "headache")
        self.mesh_id = context.config("mesh_id", "D006261")
        self.pattern = re.compile(rf"\b{re.escape(term)}\b", re.IGNORECASE)

    def find(self, molecule: Molecule | None, documents: list[Document]) -> list[Finding]:
        return [
            Finding(
                evidence_id=document.evidence_id,
                # The place in the passage; `Span.of` counts the bytes that the contract wants.
                ground=Span.of(passage, match.start(), match.end()),
                mesh_id=self.mesh_id,
                matched_text=match[0],
                stance="neither",  # or `treats`, `causes`: what the passage says of the molecule
            )
            for document in documents
            for passage in document.passages
            for match in self.pattern.finditer(passage.text)
        ]
