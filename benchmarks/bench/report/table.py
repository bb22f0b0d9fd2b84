"""The table in the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.bars import BARS
from bench.peers import TITLES
from bench.questions import QUESTIONS, shown

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bench.bars import Bar
    from bench.questions import Question
    from bench.results import Results


def terminal(results: Results) -> str:
    """All figures, then the bars."""
    return f"{figures(results)}\n\n{bars(results)}\n"


def figures(results: Results) -> str:
    """A row for each question, a column for each peer that has a figure."""
    asked = [question for question in QUESTIONS if any(answers(results, question))]
    names = [name for name in TITLES if any(results.value(q.group, q.name, name) is not None for q in asked)]
    rows = [["question", *names, "limit of the platform"]]
    for question in asked:
        limits = [f"{shown(value, question.unit)} {words}" for words, value in limit_rows(results, question)]
        rows.append(
            [question.title, *(shown(v, question.unit) for v in answers(results, question, names)), "; ".join(limits)]
        )
    return _aligned(rows)


def bars(results: Results) -> str:
    """A row for each bar that was measured."""
    rows = [["bar", "asked", "stretch", "measured", "", ""]]
    for bar, value in measured_bars(results):
        if value is not None:
            sign = "<=" if bar.most else ">="
            stretch = "-" if bar.stretch is None else f"{bar.stretch:g}"
            rows.append([bar.question, f"{sign} {bar.bar:g}", stretch, f"{value:.3g}", bar.unit, bar.verdict(value)])
    return _aligned(rows)


def measured_bars(results: Results) -> list[tuple[Bar, float | None]]:
    """Each bar and where it stands."""
    return [(bar, bar.measure(results)) for bar in BARS]


def answers(results: Results, question: Question, names: Iterable[str] = TITLES) -> list[float | None]:
    """A question's figures in the order of the peers."""
    return [results.value(question.group, question.name, name) for name in names]


def limit_rows(results: Results, question: Question) -> list[tuple[str, float]]:
    """The figures of the platform that belong to a question."""
    found = [(words, results.value("limits", name, "limit")) for name, words in question.limits]
    return [(words, value) for words, value in found if value is not None]


def _aligned(rows: list[list[str]]) -> str:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [
            text.ljust(width) if not index else text.rjust(width)
            for index, (text, width) in enumerate(zip(row, widths, strict=True))
        ]
        cells[-1] = row[-1]
        lines.append("  ".join(cells).rstrip())
    lines.insert(1, "-" * max(map(len, lines)))
    return "\n".join(lines)
