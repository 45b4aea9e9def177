"""Ratios as bars around 1, on a logarithmic axis: an SVG for light and dark pages."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite, log
from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from benchmarks.tables import NONE, number

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_TICKS = (0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100)
_LEFT, _PLOT, _GAP, _COLUMN = 270, 360, 64, 124
_TOP, _ROW, _BAR, _BOTTOM = 96, 36, 16, 46
_STYLE = """
text { font: 13px system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif; fill: #1f2328 }
.heading { font-size: 19px; font-weight: 600 }
.small { font-size: 11px; fill: #59636e }
.ratio { font-weight: 600 }
.end { text-anchor: end }
.middle { text-anchor: middle }
.ground { fill: #ffffff }
.band { fill: #f3f5f8 }
.grid { stroke: #d4dae1; stroke-width: 1 }
.one { stroke: #59636e; stroke-width: 1.5 }
.ahead { fill: #2f81c8 }
.behind { fill: #d9822b }
.range { stroke: #1f2328; stroke-width: 1.2; opacity: 0.55 }
.mark { stroke: #1f2328; stroke-width: 2.5 }
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3 }
.small { fill: #9aa5b1 }
.ground { fill: #0d1117 }
.band { fill: #161c24 }
.grid { stroke: #2d3540 }
.one { stroke: #9aa5b1 }
.ahead { fill: #4c9be8 }
.behind { fill: #e09a4a }
.range { stroke: #e6edf3 }
.mark { stroke: #f0f6fc }
}
"""


@dataclass(frozen=True)
class Bar:
    """A figure: how many times better than the other's it is, in each round and at the median."""

    name: str
    ratio: float | None
    least: float = 1.0
    most: float = 1.0
    mark: float | None = None
    less_is_better: bool = False
    """The ratio and its mark are turned over, so that a bar to the right is always better."""
    values: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The ratio, to be read."""
        if self.ratio is None:
            return NONE
        text = number(self.ratio, 2 if self.ratio < 10 else 1)
        return f"{text}×" if isfinite(self.ratio) else text


class _Axis:
    """Where a ratio lies on the plot. What has no end goes to its edge."""

    def __init__(self, bars: Sequence[Bar]) -> None:
        there = [bar for bar in bars if bar.ratio is not None]
        shown = [value for bar in there for value in (bar.least, bar.most, bar.mark or 1.0)]
        finite = [value for value in shown if isfinite(value) and value > 0]
        self._least = min([0.5, *finite]) / 1.15
        self._most = max([2.0, *finite]) * 1.15

    def at(self, ratio: float) -> float:
        ratio = min(max(ratio, self._least), self._most)
        return _LEFT + _PLOT * log(ratio / self._least) / log(self._most / self._least)

    def ticks(self) -> Iterator[float]:
        yield from (tick for tick in _TICKS if self._least <= tick <= self._most)


def drawn(
    title: str, subtitle: str, columns: Sequence[str], sections: Mapping[str, Sequence[Bar]]
) -> str:
    """The picture; ``columns`` are the heads of the bars' values, each section has a title."""
    bars = [bar for each in sections.values() for bar in each]
    width = _LEFT + _PLOT + _GAP + _COLUMN * len(columns) + 24
    bottom = _TOP + _ROW * (len(bars) + len(sections))
    height = bottom + _BOTTOM
    svg = Element("svg", xmlns="http://www.w3.org/2000/svg", role="img")
    svg.set("viewBox", f"0 0 {width} {height}")
    svg.set("width", str(width))
    svg.set("height", str(height))
    svg.set("aria-labelledby", "title summary")
    SubElement(svg, "title", id="title").text = title
    SubElement(svg, "desc", id="summary").text = "; ".join(map(_told, bars))
    SubElement(svg, "style").text = _STYLE
    _box(svg, "ground", 0, 0, width, height, round_by=8)
    _text(svg, title, 24, 34, "heading")
    _text(svg, subtitle, 24, 55, "small")
    _heads(svg, columns)
    axis = _Axis(bars)
    _grid(svg, axis, bottom)
    top = _TOP
    for name, under in sections.items():
        _box(svg, "band", 12, top, width - 24, _ROW, round_by=4)
        _text(svg, name, 24, top + _ROW / 2 + 4, "ratio")
        for row, bar in enumerate(under, 1):
            _draw(svg, axis, bar, top + _ROW * row)
        top += _ROW * (len(under) + 1)
    _legend(svg, height - 14)
    indent(svg)
    return tostring(svg, encoding="unicode") + "\n"


def _heads(svg: Element, columns: Sequence[str]) -> None:
    _text(svg, "ratio", _LEFT + _PLOT + _GAP, _TOP - 10, "small end")
    for place, column in enumerate(columns, 1):
        _text(svg, column, _LEFT + _PLOT + _GAP + _COLUMN * place, _TOP - 10, "small end")


def _grid(svg: Element, axis: _Axis, bottom: float) -> None:
    for tick in axis.ticks():
        _line(svg, "one" if tick == 1 else "grid", axis.at(tick), _TOP, bottom)
        _text(svg, f"{tick:g}×", axis.at(tick), _TOP - 10, "small middle")


def _draw(svg: Element, axis: _Axis, bar: Bar, top: float) -> None:
    group = SubElement(svg, "g")
    SubElement(group, "title").text = _told(bar)
    middle = top + _ROW / 2
    _text(group, bar.name, 24, middle + (-1 if bar.less_is_better else 4))
    if bar.less_is_better:
        _text(group, "less is better: theirs / ours", 24, middle + 12, "small")
    if bar.ratio is not None:
        one, end = axis.at(1), axis.at(bar.ratio)
        kind = "bar ahead" if bar.ratio >= 1 else "bar behind"
        wide = max(abs(end - one), 1)
        _box(group, kind, min(one, end), middle - _BAR / 2, wide, _BAR, round_by=2)
        span = _line(group, "range", axis.at(bar.least), middle, middle)
        span.set("x2", _short(axis.at(bar.most)))
    if bar.mark is not None:
        _line(group, "mark", axis.at(bar.mark), middle - 13, middle + 13)
    right = _LEFT + _PLOT + _GAP
    _text(group, bar.text, right, middle + 4, "ratio end")
    for place, value in enumerate(bar.values, 1):
        _text(group, value, right + _COLUMN * place, middle + 4, "end")


def _told(bar: Bar) -> str:
    """A bar in words, for who cannot see it."""
    turned = " (less is better)" if bar.less_is_better else ""
    mark = "" if bar.mark is None else f", mark {bar.mark:.3g}×"
    return f"{bar.name}{turned}: {bar.text}{mark}"


def _legend(svg: Element, base: float) -> None:
    swatches = (("ahead", "Colonnade is ahead"), ("behind", "Colonnade is behind"))
    x = float(_LEFT)
    for kind, words in swatches:
        _box(svg, kind, x, base - 9, 12, 10, round_by=2)
        _text(svg, words, x + 18, base, "small")
        x += 140
    _line(svg, "mark", x + 6, base - 12, base + 3)
    _text(svg, "mark", x + 14, base, "small")
    span = _line(svg, "range", x + 62, base - 4, base - 4)
    span.set("x2", _short(x + 82))
    _text(svg, "least to most of the rounds", x + 90, base, "small")


def _short(value: float) -> str:
    return f"{value:.1f}"


def _text(parent: Element, words: str, x: float, y: float, kind: str = "") -> None:
    element = SubElement(parent, "text", x=_short(x), y=_short(y))
    if kind:
        element.set("class", kind)
    element.text = words


def _line(parent: Element, kind: str, x: float, y1: float, y2: float) -> Element:
    places = {"x1": _short(x), "x2": _short(x), "y1": _short(y1), "y2": _short(y2)}
    return SubElement(parent, "line", {"class": kind, **places})


def _box(
    parent: Element, kind: str, x: float, y: float, width: float, height: float, *, round_by: float
) -> None:
    sizes = {"x": x, "y": y, "width": width, "height": height, "rx": round_by}
    SubElement(parent, "rect", {"class": kind, **{key: _short(at) for key, at in sizes.items()}})
