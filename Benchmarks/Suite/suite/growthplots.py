"""The growth curves: a small plot for each thing that grows."""

from collections.abc import Callable
from pathlib import Path

from matplotlib import pyplot as plt
from matplotlib.axes import Axes as PlotAxes
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from . import style
from .figures import Spread
from .growth import AXES, LONG, Axis
from .results import Results

COLUMNS = 3
LOGARITHMIC = ("batch", "connections", "tenants", "size")
LINES = ("-", "--")
LOGARITHMIC_FROM = 12
# Too near to the next one for a label.
CROWDED = "500"

# A figure of a contestant at a point of a curve.
Figures = Callable[[Axis, str, str], Spread | None]


def draw_growth(results: Results, folder: Path) -> list[Path]:
    """Processor time an event, and events a second, by everything that was varied."""
    axes = [axis for axis in (*AXES, LONG) if len(results.points(axis.scenario)) > 1]
    if not axes:
        return []

    def of(figure: str) -> Figures:
        return lambda axis, contestant, point: results.spread(axis.scenario, contestant, figure, point)

    def everything(axis: Axis, contestant: str, point: str) -> Spread | None:
        return results.total_microseconds(axis.scenario, contestant, point)

    collector = of("collector_microseconds")
    return [
        *_draw(results, folder, "growth-cpu", "processor time, µs an event", axes, (collector, everything)),
        *_draw(results, folder, "growth-rate", "events a second", axes, (of("events_per_second"),)),
    ]


def _draw(
    results: Results, folder: Path, name: str, label: str, axes: list[Axis], kinds: tuple[Figures, ...]
) -> list[Path]:
    """One figure; the second kind of line is dashed."""
    columns = min(COLUMNS, len(axes))
    rows = -(-len(axes) // columns)
    size = (max(5.6, 3.0 * columns + 0.4), 2.5 * rows + 0.9)
    figure, grid = plt.subplots(rows, columns, figsize=size, squeeze=False, layout="constrained")
    shown: dict[str, None] = {}
    for panel, axis in zip(grid.flat, axes, strict=False):
        seen: list[float] = []
        for contestant in results.contestants(axis.scenario):
            shown[contestant] = None
            for figures, line in zip(kinds, LINES, strict=False):
                seen += _curve(panel, results, axis, contestant, figures, line)
        panel.set_title(f"by {axis.title}", fontsize=10)
        _scale(panel, seen)
    for panel in list(grid.flat)[len(axes) :]:
        panel.set_visible(False)
    figure.supylabel(label, fontsize=10)
    explained = [
        Line2D([], [], color=style.INK, linestyle=line, label=text)
        for line, text in zip(LINES, ("collector alone", "with PostgreSQL and load generator"), strict=True)
    ]
    style.legend(figure, results, list(shown), *(explained if len(kinds) > 1 else ()))
    return style.save(figure, results, folder, name)


def _scale(panel: PlotAxes, seen: list[float]) -> None:
    """From zero on, or logarithmic where a line from zero would show nothing of the smaller values."""
    style.plain_grid(panel, "y")
    if seen and min(seen) > 0 and max(seen) / min(seen) > LOGARITHMIC_FROM:
        panel.set_yscale("log")
        panel.set_ylim(min(seen) / 1.6, max(seen) * 1.6)
        panel.yaxis.set_major_locator(LogLocator(subs=(1,) if max(seen) / min(seen) > 100 else (1, 2, 5)))
        panel.yaxis.set_minor_locator(NullLocator())
    else:
        panel.set_ylim(0, 1.15 * max(seen, default=1))
    panel.yaxis.set_major_formatter(FuncFormatter(lambda value, _: style.short(value) if value else "0"))


def _curve(
    panel: PlotAxes, results: Results, axis: Axis, contestant: str, figures: Figures, line: str
) -> list[float]:
    """Draws one line, and gives its values."""
    points = results.points(axis.scenario)
    numeric = all(point.isdigit() for point in points)
    places = [int(point) if numeric else place for place, point in enumerate(points)]
    known = [
        (place, one) for place, point in zip(places, points, strict=True) if (one := figures(axis, contestant, point))
    ]
    panel.errorbar(
        [place for place, _ in known], [one.median for _, one in known],
        yerr=[[one.median - one.least for _, one in known], [one.most - one.median for _, one in known]],
        color=style.colour(contestant), marker=style.marker(contestant), markersize=4.5, capsize=2.5,
        linestyle=line if numeric else "none", linewidth=1.5, elinewidth=1,
        markerfacecolor="white" if line != LINES[0] else None,
    )  # fmt: skip
    if axis.name in LOGARITHMIC:
        panel.set_xscale("log")
        panel.xaxis.set_minor_locator(NullLocator())
    named = [_tick(point) if point != CROWDED else "" for point in points]
    panel.set_xticks(places, named, fontsize=8.5)
    if not numeric:
        panel.set_xlim(-0.5, len(points) - 0.5)
    return [one.median for _, one in known]


def _tick(point: str) -> str:
    if not point.isdigit():
        return point.replace(" + ", "\n+ ")
    value = int(point)
    if value >= 1000 and value % 1024 == 0:
        return f"{value // 1024} Ki"
    return f"{value // 1000} k" if value >= 1000 and value % 1000 == 0 else f"{value}"
