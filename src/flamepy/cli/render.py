"""Answers on stdout: tables for people, JSON, YAML and names for programs."""

from __future__ import annotations

import sys
import unicodedata
from enum import Enum
from typing import TYPE_CHECKING, Any

from flamepy.cli.cells import plain, printable
from flamepy.cli.exits import note

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from flamepy.cli.kinds import Column, Kind

_GAP = "  "
_SHORTEST = 8


class Output(str, Enum):
    """What ``-o`` takes."""

    TABLE = "table"
    WIDE = "wide"
    JSON = "json"
    YAML = "yaml"
    NAME = "name"


def show_records(kind: Kind, records: Sequence[Any], output: Output) -> None:
    """Print records of one kind.

    Args:
        kind: What they are.
        records: In the order of their rows.
        output: How.
    """
    if output in (Output.TABLE, Output.WIDE):
        columns = [column for column in kind.columns if output is Output.WIDE or not column.wide]
        show_table(columns, records, fit=output is Output.TABLE)
    elif output is Output.NAME:
        show_lines(kind.name(record) for record in records)
    else:
        show_data([plain(record) for record in records], output)


def show_table(columns: Sequence[Column], records: Sequence[Any], *, fit: bool) -> None:
    """Print a table without rules: a row of headings, one leading space, two spaces between columns.

    Args:
        columns: Left to right.
        records: Top to bottom.
        fit: Make it as narrow as the terminal, if stdout is one, by leaving out or cutting what can be spared.
    """
    cells = [[column.heading, *(printable(column.cell(record)) for record in records)] for column in columns]
    limit = _terminal_width() if fit else None
    if limit is not None:
        columns, cells = _fitted(list(columns), cells, limit)
    widths = [max(map(_width, texts)) for texts in cells]
    show_lines(_row(texts, widths) for texts in zip(*cells, strict=True))


def show_facts(facts: Iterable[tuple[str, str]], label_width: int = 15) -> None:
    """Print one fact a line, ``Label:`` padded; further lines of a value are indented.

    Args:
        facts: Labels and values.
        label_width: What a label and its colon take.
    """
    for label, value in facts:
        first, *more = value.splitlines() or [""]
        show_lines([f"{label + ':':<{label_width}} {printable(first)}".rstrip()])
        show_lines(f"  {printable(line)}".rstrip() for line in more)


def show_data(data: Any, output: Output) -> None:
    """Print JSON values as JSON or YAML."""
    if output is Output.YAML:
        import yaml

        show_lines(yaml.safe_dump(data, sort_keys=False, allow_unicode=True).rstrip("\n").split("\n"))
    else:
        import json

        show_lines(json.dumps(data, indent=2, ensure_ascii=False).split("\n"))


def show_lines(lines: Iterable[str]) -> None:
    """Print lines, whatever stdout can encode."""
    # One by one: a single large write would not notice in its midst that the reader has gone.
    encoding = sys.stdout.encoding or "utf-8"
    sys.stdout.writelines(f"{line}\n".encode(encoding, "backslashreplace").decode(encoding) for line in lines)


def _terminal_width() -> int | None:
    if not sys.stdout.isatty():
        return None
    import shutil

    return shutil.get_terminal_size().columns


def _fitted(columns: list[Column], cells: list[list[str]], limit: int) -> tuple[list[Column], list[list[str]]]:
    hidden = []
    while _total(cells) > limit:
        spare = max(range(len(columns)), key=lambda index: columns[index].dispensable)
        if not columns[spare].dispensable:
            break
        hidden.append(columns.pop(spare).heading)
        cells.pop(spare)
    for index, column in enumerate(columns):
        excess = _total(cells) - limit
        if excess > 0 and column.elastic:
            room = max(_SHORTEST, max(map(_width, cells[index])) - excess)
            cells[index] = [_cut(text, room) for text in cells[index]]
    if hidden:
        note(f"no room for {', '.join(hidden)}; -o wide shows everything")
    return columns, cells


def _total(cells: list[list[str]]) -> int:
    return 1 + sum(max(map(_width, texts)) for texts in cells) + len(_GAP) * (len(cells) - 1)


def _row(texts: Sequence[str], widths: Sequence[int]) -> str:
    padded = (text + " " * (width - _width(text)) for text, width in zip(texts, widths, strict=True))
    return f" {_GAP.join(padded)}".rstrip()


def _cut(text: str, room: int) -> str:
    if _width(text) <= room:
        return text
    while text and _width(text) > room - 1:
        text = text[:-1]
    return f"{text}…"


def _width(text: str) -> int:
    if text.isascii():
        return len(text)
    return sum(_character_width(each) for each in text)


def _character_width(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
