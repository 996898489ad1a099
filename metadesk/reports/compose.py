"""A result written up: what was found, every study, heterogeneity, every choice, the methods."""

from __future__ import annotations

from metadesk.analysis.result import AnalysisResult
from metadesk.document import Block, Document, Heading, Note, Paragraph
from metadesk.reports.methods import methods_text
from metadesk.reports.model_tables import report_tables
from metadesk.reports.prose import result_sentence
from metadesk.reports.tables import (
    analysis_scale_table,
    heterogeneity_table,
    pooled_table,
    settings_table,
    study_table,
)


def compose(result: AnalysisResult) -> Document:
    """Write a result up as a document; its tables keep full precision."""
    title = result.spec.labels.title or result.spec.labels.outcome or "Meta-analysis"
    blocks: list[Block] = [Heading("Results"), Paragraph(result_sentence(result))]
    if result.main is not None:
        pooled = pooled_table(result)
        blocks += [pooled] if pooled.rows else []
        blocks += [analysis_scale_table(result), *report_tables(result)]
    blocks += [Heading("Heterogeneity"), heterogeneity_table(result)] if result.main else []
    blocks += [Heading("Studies"), study_table(result)]
    notes = notes_of(result)
    blocks += [Heading("Notes"), *notes] if notes else []
    blocks += [Heading("Methods"), Paragraph(methods_text(result)), settings_table(result)]
    return Document(title, tuple(blocks))


def notes_of(result: AnalysisResult) -> tuple[Note, ...]:
    """What the reader must know, or why nothing was pooled."""
    return (Note(result.problem, "stop"), *result.notes) if result.problem else result.notes
