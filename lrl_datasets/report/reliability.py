"""The reliability plot as SVG: what was said of golden tasks against what is true. Written by hand: no dependency."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from xml.sax.saxutils import escape

from lrl_datasets.crowd.calibration import Bin
from lrl_datasets.intervals import clopper_pearson

_EDGE, _LEFT, _TOP, _SIDE = 20, 74, 92, 420
_BELOW, _HIGH = 44, 70
"""Gap to the bars below, and their height."""
_WIDTH, _HEIGHT = _LEFT + _SIDE + 50, _TOP + _SIDE + _BELOW + _HIGH + 36
_INK, _GRID, _DOT, _SHADE = "#222", "#e3e3e3", "#1b6ca8", "#9cc3e0"


def svg(
    name: str,
    bins: Sequence[Bin],
    told: Mapping[str, Any],
    judged: str | None = None,
    what: str = "golden tasks",
) -> str:
    """Draw the bins: a dot each with its 95 % interval, the diagonal of a perfect posterior, and how many tasks.

    Parameters
    ----------
    name
        The question.
    bins
        `calibration.reliability`.
    told
        What the manifest says of the aggregation, or a model's report.
    judged
        What was measured on; by default the golden tasks, each without itself.
    what
        What the bars count.
    """
    judged = judged or f"{told['golden_tasks']} golden tasks, each seen without itself"
    error = told["calibration_error"]
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" '
        f'height="{_HEIGHT}" font-family="sans-serif" font-size="13" fill="{_INK}">',
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="white"/>',
        _text(_EDGE, 28, f"Reliability of “{name}” ({told['method']})", size=17, bold=True),
        _text(_EDGE, 50, f"{judged}; bars: 95 % intervals"),
        _text(
            _EDGE, 69,
            f"calibration error {error['before']:.3f} before, {error['after']:.3f} after, "
            f"{error['perfect']:.3f} of a perfect posterior",
        ),
    ]  # fmt: skip
    for step in range(0, 11, 2):
        at = step / 10
        parts += [
            _line(_x(at), _y(0), _x(at), _y(1), _GRID),
            _line(_x(0), _y(at), _x(1), _y(at), _GRID),
            _text(_x(at), _y(0) + 18, f"{at:.1f}", anchor="middle"),
            _text(_LEFT - 8, _y(at) + 4, f"{at:.1f}", anchor="end"),
        ]
    parts.append(_line(_x(0), _y(0), _x(1), _y(1), "#888", dash="5 4"))
    parts.append(
        f'<text transform="translate({_x(0.49)} {_y(0.51)}) rotate(-45)" text-anchor="middle" font-size="11" '
        'fill="#777">perfect</text>'
    )
    parts.append(
        f'<text transform="translate(22 {_y(0.5)}) rotate(-90)" text-anchor="middle">share that is helpful</text>'
    )
    most = max((one.n for one in bins), default=1.0)
    floor = _TOP + _SIDE + _BELOW + _HIGH
    for one in bins:
        low, high = clopper_pearson(one.right * one.n, one.n)
        if low is not None and high is not None:
            parts.append(_line(_x(one.said), _y(low), _x(one.said), _y(high), _DOT, width=2))
        parts.append(f'<circle cx="{_x(one.said):.1f}" cy="{_y(one.right):.1f}" r="5.5" fill="{_DOT}"/>')
        tall = _HIGH * one.n / most
        parts.append(
            f'<rect x="{_x(one.low) + 2:.1f}" y="{floor - tall:.1f}" width="{_SIDE / 10 - 4:.1f}" '
            f'height="{tall:.1f}" fill="{_SHADE}"/>'
        )
        parts.append(
            _text(_x((one.low + one.high) / 2), floor - tall - 4, f"{one.n:.3g}", anchor="middle", size=11)
        )
    parts += [
        _line(_x(0), floor, _x(1), floor, _INK),
        _text(
            _x(0.5),
            floor + 22,
            "helpfulness that was said of them",
            anchor="middle",
        ),
        f'<text transform="translate(22 {floor - _HIGH / 2}) rotate(-90)" text-anchor="middle">{what}</text>',
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _x(value: float) -> float:
    return _LEFT + _SIDE * value


def _y(value: float) -> float:
    return _TOP + _SIDE * (1 - value)


def _line(x1: float, y1: float, x2: float, y2: float, ink: str, width: float = 1, dash: str = "") -> str:
    dashes = f' stroke-dasharray="{dash}"' if dash else ""
    ends = f'x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"'
    return f'<line {ends} stroke="{ink}" stroke-width="{width}"{dashes}/>'


def _text(x: float, y: float, said: str, anchor: str = "start", size: int = 13, bold: bool = False) -> str:
    weight = ' font-weight="bold"' if bold else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}"{weight}>{escape(said)}</text>'
