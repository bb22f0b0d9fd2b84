"""``docs/benchmarks.md`` and its pictures, made from the results file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bench.environment import ROOT
from bench.peers import TITLES
from bench.questions import COUNTS, EXECUTORS, QUESTIONS, shown
from bench.report import misses, picture
from bench.report.table import limit_rows, measured_bars

if TYPE_CHECKING:
    from pathlib import Path

    from bench.bars import Bar
    from bench.questions import Question
    from bench.results import Results

PAGE = ROOT / "docs" / "benchmarks.md"
PICTURES = ROOT / "docs" / "benchmarks"

SECTIONS = {
    "Start and end": ("start", "import"),
    "Small calls": ("calls", "busy", "async"),
    "Large data": ("arguments", "results", "reference"),
    "Memory": ("idle", "held"),
    "Scale": ("executors", "outstanding", "fairness"),
}

CURVES = {
    "outstanding": ("Cost of a task by how many are outstanding", "µs", [(n, f"outstanding.{n}") for n in COUNTS]),
    "executors": ("Functions that do nothing, by executors", "/s", [(n, f"executors.{n}") for n in EXECUTORS]),
    "executors-work": ("Functions of 1 ms, by executors", "/s", [(n, f"executors.{n}.work") for n in EXECUTORS]),
}

HOW = """\
Every figure is the median of several rounds. In a round each peer has its turn, in a process of its own, with the
same work; results are checked, and what is warmed up for one is warmed up for all. The bars compare what was measured
in the same rounds, so that a slow hour of the machine slows all of them. Absolute figures differ between machines and
hours; ratios less so. `python3 dev.py bench` measures on your machine and writes this page anew; `--quick` takes under
two minutes.
"""


def write(results: Results) -> None:
    """Write the page and a picture per question."""
    PICTURES.mkdir(exist_ok=True)
    for old in PICTURES.glob("*.svg"):
        old.unlink()
    for path, text in render(results).items():
        path.write_text(text)


def render(results: Results) -> dict[Path, str]:
    """Return the page and its pictures, by path."""
    files: dict[Path, str] = {}
    parts = [
        "# Benchmarks\n",
        "<!-- Written by `python3 dev.py bench`; change benchmarks/bench/report/page.py instead. -->\n",
        HOW,
        _machine(results),
        "## Where flamepy stands\n",
        _bars(results),
        _misses(results),
    ]
    for title, groups in SECTIONS.items():
        parts += [
            f"## {title}\n",
            _table(results, groups),
            _pictures(results, groups, files),
            _reasons(results, groups),
        ]
    files[PAGE] = "\n".join(part for part in parts if part)
    return files


def _machine(results: Results) -> str:
    machine: dict[str, Any] = results.data["machine"]
    versions = ", ".join(f"{TITLES[name].split(' (')[0]} {version}" for name, version in machine["versions"].items())
    return (
        f"Measured on {machine['date']}: {machine['cores']} cores of {machine['processor']}, "
        f"{machine['memory_gib']:g} GiB, {machine['kernel']}, Python {machine['python']}; {versions}. "
        f"The load average when each group began, mostly by other programs, was {_loads(results)}.\n"
    )


def _loads(results: Results) -> str:
    loads = [group["load_before"] for group in results.data["groups"].values()]
    return f"{min(loads):.1f} to {max(loads):.1f}" if loads else "not known"


def _bars(results: Results) -> str:
    rows = ["| question | bar | stretch | measured | verdict |", "|---|---|---|---|---|"]
    for bar, value in measured_bars(results):
        found = "-" if value is None else f"{value:.3g} {bar.unit}"
        stretch = "-" if bar.stretch is None else f"{bar.stretch:g}"
        asked = f"{'at most' if bar.most else 'at least'} {bar.bar:g} {bar.unit}"
        rows.append(f"| {bar.question} | {asked} | {stretch} | {found} | {_verdict(bar, value)} |")
    return "\n".join(rows) + "\n"


def _misses(results: Results) -> str:
    """Why bars are missed, each reason once."""
    missed: dict[str, list[str]] = {}
    for bar, value in measured_bars(results):
        if bar.verdict(value) == "missed" and bar.question in misses.REASONS:
            missed.setdefault(misses.REASONS[bar.question], []).append(bar.question)
    lines = [f"- {'; '.join(questions)}. {reason}" for reason, questions in missed.items()]
    return "\n".join(["### What is missed, and why\n", *lines]) + "\n" if lines else ""


def _verdict(bar: Bar, value: float | None) -> str:
    words = {"stretch": "**stretch reached**", "met": "met", "missed": "*missed*"}
    verdict = bar.verdict(value)
    return words.get(verdict, verdict)


def _asked(results: Results, groups: tuple[str, ...]) -> list[Question]:
    return [
        question
        for question in QUESTIONS
        if question.group in groups
        and any(results.value(question.group, question.name, name) is not None for name in TITLES)
    ]


def _table(results: Results, groups: tuple[str, ...]) -> str:
    asked = _asked(results, groups)
    if not asked:
        return "Not measured.\n"
    names = [n for n in TITLES if any(results.value(q.group, q.name, n) is not None for q in asked)]
    limits = any(limit_rows(results, question) for question in asked)
    head = ["", *(TITLES[name] for name in names), *(["limit of the platform"] if limits else [])]
    rows = [_row(head), _row(["---"] * len(head))]
    for question in asked:
        cells = [shown(results.value(question.group, question.name, name), question.unit) for name in names]
        floor = "; ".join(f"{words} {shown(value, question.unit)}" for words, value in limit_rows(results, question))
        rows.append(_row([question.title, *cells, *([floor] if limits else [])]))
    return "\n".join(rows) + "\n"


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _pictures(results: Results, groups: tuple[str, ...], files: dict[Path, str]) -> str:
    curves = {name: curve for name, curve in CURVES.items() if name.split("-")[0] in groups}
    drawn = {question for _, _, points in curves.values() for _, question in points}
    links = []

    def save(name: str, title: str, svg: str) -> None:
        files[PICTURES / f"{name}.svg"] = svg
        links.append(f"![{title}](benchmarks/{name}.svg)\n")

    for question in _asked(results, groups):
        values = [
            (name, TITLES[name], value)
            for name in TITLES
            if (value := results.value(question.group, question.name, name)) is not None
        ]
        values += [("limit", words, value) for words, value in limit_rows(results, question)]
        if question.name not in drawn and len(values) > 1:
            svg = picture.bars(question.title, question.unit, values, question.more_is_better)
            save(question.name, question.title, svg)
    for name, (title, unit, points) in curves.items():
        series = _series(results, name.split("-")[0], points)
        if series:
            save(name, title, picture.lines(title, unit, series))
    return "\n".join(links)


def _series(results: Results, group: str, points: list[tuple[int, str]]) -> dict[str, dict[int, float]]:
    series = {
        title: {n: value for n, question in points if (value := results.value(group, question, name)) is not None}
        for name, title in TITLES.items()
    }
    return {title: values for title, values in series.items() if values}


def _reasons(results: Results, groups: tuple[str, ...]) -> str:
    """Why some figures are missing, each reason once."""
    found: dict[str, list[str]] = {}
    for question in QUESTIONS:
        if question.group in groups:
            for name, title in TITLES.items():
                reason = results.reason(question.group, question.name, name)
                if reason and results.value(question.group, question.name, name) is None:
                    found.setdefault(f"{title}: {reason}", []).append(question.title)
    if not found:
        return ""
    lines = [
        f"- {reason} ({', '.join(titles[:3])}{', …' if len(titles) > 3 else ''})" for reason, titles in found.items()
    ]
    return "\n".join(["A dash is a question that a peer has no answer to, or was not asked:\n", *lines]) + "\n"
