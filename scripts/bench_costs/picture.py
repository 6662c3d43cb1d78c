"""Draws what scripts/bench found of sweeps of several lengths as lines: flat where nothing grows with a history."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from pathlib import Path
from xml.sax.saxutils import escape

_LENGTH = re.compile(r"(?:^|(?<=[ ,]))(\d[\d,]*) trials")
WIDE, HIGH, LEFT, TOP = 340, 210, 56, 44
"""Pixels of one panel, and of the room for its labels."""


def draw(found: Mapping[str, float], note: str, file: Path) -> None:
    """Write an SVG with a panel for each figure that was measured at several lengths; `note` says how it was taken."""
    lines = _lines(found)
    columns = min(2, len(lines)) or 1
    rows = math.ceil(len(lines) / columns)
    panels = [
        f'<g transform="translate({WIDE * (place % columns)},{HIGH * (place // columns)})">{_panel(label, points)}</g>'
        for place, (label, points) in enumerate(lines.items())
    ]
    wide, high = WIDE * columns, HIGH * rows + 24
    style = "font:11px sans-serif;fill:#333"
    file.write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide} {high}" width="{wide}" height="{high}">\n'
        f'<rect width="{wide}" height="{high}" fill="#fff"/>\n<g style="{style}">\n' + "\n".join(panels)
        + f'\n<text x="12" y="{high - 8}" fill="#777">{escape(note)}</text>\n</g>\n</svg>\n'
    )  # fmt: skip


def _lines(found: Mapping[str, float]) -> dict[str, list[tuple[int, float]]]:
    """Return figures by their label without the length, each as pairs of trials and value."""
    lines: dict[str, list[tuple[int, float]]] = {}
    for label, value in found.items():
        match = _LENGTH.search(label)
        if match is not None:
            rest = f"{label[: match.start()]}, {label[match.end() :]}".split(",")
            name = ", ".join(part.strip() for part in rest if part.strip())
            lines.setdefault(name, []).append((int(match[1].replace(",", "")), value))
    return {name: sorted(points) for name, points in lines.items() if len(points) > 1}


def _panel(label: str, points: list[tuple[int, float]]) -> str:
    most = max(value for _, value in points) or 1.0
    lengths = [math.log10(trials) for trials, _ in points]
    low, span = lengths[0], lengths[-1] - lengths[0]
    foot, right = HIGH - 34, WIDE - 30

    def at(trials: int, value: float) -> tuple[float, float]:
        x = LEFT + (math.log10(trials) - low) / span * (right - LEFT)
        return x, foot - value / (1.15 * most) * (foot - TOP)

    placed = [at(*point) for point in points]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in placed)
    parts = [f'<text x="12" y="22" font-weight="bold">{escape(label)}</text>']
    parts.append(f'<path d="M{LEFT},{TOP} V{foot} H{right}" fill="none" stroke="#bbb"/>')
    parts.append(f'<polyline points="{path}" fill="none" stroke="#2a6fb0" stroke-width="2"/>')
    for (trials, value), (x, y) in zip(points, placed, strict=True):
        parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="#2a6fb0"/>')
        parts.append(f'<text x="{x:.1f}" y="{y - 8:.1f}" text-anchor="middle">{value:,.3g}</text>')
        parts.append(f'<text x="{x:.1f}" y="{foot + 16}" text-anchor="middle">{trials:,}</text>')
    parts.append(f'<text x="{right}" y="{foot + 30}" text-anchor="end" fill="#777">trials</text>')
    return "".join(parts)
