"""Exports of the world `mapper`."""

from __future__ import annotations

from typing import Any

from wit_world.exports import mapping

from .. import border, record
from ..plugin import Mapper
from ..record import Document, Finding, Molecule, Span
from . import GuestHost, Lifecycle, plugin, told

__all__ = ["KIND", "Lifecycle", "Mapping", "host"]

KIND = Mapper

mapping.Document = record.Document  # as the records in `guest`


def host() -> border.Host:
    return GuestHost()


class Mapping:
    def find(self, molecule: Molecule | None, documents: list[Document]) -> list[Any]:
        return told(_found, molecule, documents)


def _found(molecule: Molecule | None, documents: list[Document]) -> list[Any]:
    return [_finding(finding) for finding in plugin().find(molecule, documents)]


def _finding(finding: Finding) -> Any:
    ground = finding.ground
    return mapping.Finding(
        finding.evidence_id,
        mapping.Ground_Span(mapping.Span(ground.passage, ground.start, ground.end))
        if isinstance(ground, Span)
        else mapping.Ground_Basis(ground),
        finding.mesh_id,
        finding.matched_text,
        finding.negated,
        finding.stance,
        finding.score,
    )
