"""Pictures by hand: bars on a logarithmic scale, and lines, as SVG that reads well on light and dark pages."""

from __future__ import annotations

import math
from html import escape
from typing import TYPE_CHECKING

from bench.questions import shown

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

WIDTH = 720
LABEL = 230
VALUE = 90
ROW = 22
TOP = 34
COLORS = {"flamepy": "#e4572e", "limit": "#7f8c8d"}
OTHER = "#4c78a8"
PALETTE = ("#e4572e", "#4c78a8", "#54a24b", "#b279a2", "#f2a900", "#72b7b2", "#9d755d")
STYLE = "text{font:12px sans-serif;fill:#777}.t{font-size:14px;font-weight:bold}.v{font-weight:bold}"


def bars(title: str, unit: str, values: Sequence[tuple[str, str, float]], more_is_better: bool) -> str:
    """Draw a bar for each value, the best first.

    Args:
        title: Above the picture.
        unit: Of the values.
        values: Peer, label and value.
        more_is_better: Whether the largest is the best.
    """
    ordered = sorted(values, key=lambda each: each[2], reverse=more_is_better)
    positive = [value for _, _, value in ordered if value > 0]
    low = math.log10(min(positive)) - 0.3
    span = max(math.log10(max(positive)) - low, 0.5)
    parts = [f'<text class="t" x="0" y="16">{escape(title)}</text>', _direction(more_is_better)]
    for number, (peer, label, value) in enumerate(ordered):
        y = TOP + number * ROW
        width = max(1.0, (math.log10(value) - low) / span * (WIDTH - LABEL - VALUE)) if value > 0 else 1.0
        color = COLORS.get(peer, OTHER)
        parts.append(f'<text x="{LABEL - 8}" y="{y + 14}" text-anchor="end">{escape(label)}</text>')
        parts.append(f'<rect x="{LABEL}" y="{y + 3}" width="{width:.1f}" height="{ROW - 7}" rx="2" fill="{color}"/>')
        text = shown(value, unit)
        parts.append(f'<text class="v" x="{LABEL + width + 6:.1f}" y="{y + 14}">{escape(text)}</text>')
    return _svg(parts, TOP + len(ordered) * ROW + 4)


def lines(title: str, unit: str, series: Mapping[str, Mapping[int, float]]) -> str:
    """Draw a line for each series, both axes logarithmic.

    Args:
        title: Above the picture.
        unit: Of the values.
        series: Label -> count -> value.
    """
    height, left, right, bottom = 260, 60, 190, 230
    xs = sorted({count for points in series.values() for count in points})
    ys = [value for points in series.values() for value in points.values() if value > 0]
    low, high = math.floor(math.log10(min(ys))), math.ceil(math.log10(max(ys)))
    x_low, x_span = math.log10(xs[0]), max(math.log10(xs[-1]) - math.log10(xs[0]), 0.3)

    def place(count: int, value: float) -> tuple[float, float]:
        x = left + (math.log10(count) - x_low) / x_span * (WIDTH - left - right)
        return x, bottom - (math.log10(max(value, 10**low)) - low) / max(high - low, 1) * (bottom - TOP)

    parts = [f'<text class="t" x="0" y="16">{escape(title)}</text>']
    for power in range(low, high + 1):
        y = place(xs[0], 10.0**power)[1]
        parts.append(f'<line x1="{left}" x2="{WIDTH - right}" y1="{y:.1f}" y2="{y:.1f}" stroke="#8884"/>')
        parts.append(f'<text x="{left - 6}" y="{y + 4:.1f}" text-anchor="end">{shown(10.0**power, unit)}</text>')
    for count in xs:
        parts.append(f'<text x="{place(count, 1)[0]:.1f}" y="{bottom + 18}" text-anchor="middle">{count:,}</text>')
    for number, (label, points) in enumerate(series.items()):
        color = PALETTE[number % len(PALETTE)]
        spots = [place(count, value) for count, value in sorted(points.items())]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in spots)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{color}" stroke-width="2.5"/>')
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{color}"/>' for x, y in spots]
        y = TOP + 10 + number * 20
        parts.append(f'<rect x="{WIDTH - right + 16}" y="{y - 9}" width="12" height="12" fill="{color}"/>')
        parts.append(f'<text x="{WIDTH - right + 34}" y="{y + 2}">{escape(label)}</text>')
    return _svg(parts, height)


def _direction(more_is_better: bool) -> str:
    words = "longer is better" if more_is_better else "shorter is better"
    return f'<text x="{WIDTH}" y="16" text-anchor="end">{words}, logarithmic</text>'


def _svg(parts: Sequence[str], height: int) -> str:
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" role="img">'
    return "\n".join([head, f"<style>{STYLE}</style>", *parts, "</svg>"]) + "\n"
