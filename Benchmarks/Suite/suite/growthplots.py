"""The growth curves: a small plot for each thing that grows."""

from pathlib import Path

from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, NullLocator

from . import style
from .growth import AXES, LONG, Axis
from .results import Results

COLUMNS = 3
LOGARITHMIC = ("batch", "connections", "tenants", "size")
LABELS = {"collector_microseconds": "collector CPU, µs an event", "events_per_second": "events a second"}


def draw_growth(results: Results, folder: Path) -> list[Path]:
    """Collector CPU an event, and events a second, by everything that was varied."""
    axes = [axis for axis in (*AXES, LONG) if len(results.points(axis.scenario)) > 1]
    if not axes:
        return []
    paths = []
    for figure_name, name in (("collector_microseconds", "growth-cpu"), ("events_per_second", "growth-rate")):
        paths += _draw(results, folder, axes, figure_name, name)
    return paths


def _draw(results: Results, folder: Path, axes: list[Axis], figure_name: str, name: str) -> list[Path]:
    columns = min(COLUMNS, len(axes))
    rows = -(-len(axes) // columns)
    figure, grid = plt.subplots(
        rows, columns, figsize=(3.0 * columns + 0.4, 2.5 * rows + 0.9), squeeze=False, layout="constrained"
    )
    shown: dict[str, object] = {}
    for panel, axis in zip(grid.flat, axes, strict=False):
        for contestant in results.contestants(axis.scenario):
            line = _curve(panel, results, axis, contestant, figure_name)
            shown.setdefault(contestant, line)
        panel.set_title(f"by {axis.title}", fontsize=10)
        style.plain_grid(panel, "y")
        panel.set_ylim(bottom=0)
        panel.yaxis.set_major_formatter(FuncFormatter(lambda value, _: style.short(value) if value else "0"))
    for panel in list(grid.flat)[len(axes) :]:
        panel.set_visible(False)
    figure.supylabel(LABELS[figure_name], fontsize=10)
    handles = list(shown.values())
    figure.legend(handles, [results.title(one) for one in shown], loc="outside upper left", ncols=3, fontsize=9)
    return style.save(figure, results, folder, name)


def _curve(panel: Axes, results: Results, axis: Axis, contestant: str, figure_name: str) -> object:
    points = results.points(axis.scenario)
    numeric = all(point.isdigit() for point in points)
    found = [
        (int(point) if numeric else place, results.spread(axis.scenario, contestant, figure_name, point))
        for place, point in enumerate(points)
    ]
    known = [(place, one) for place, one in found if one]
    line = panel.errorbar(
        [place for place, _ in known], [one.median for _, one in known],
        yerr=[[one.median - one.least for _, one in known], [one.most - one.median for _, one in known]],
        color=style.colour(contestant), marker=style.marker(contestant), markersize=4.5, capsize=2.5,
        linewidth=1.5 if numeric else 0,
    )  # fmt: skip
    if axis.name in LOGARITHMIC:
        panel.set_xscale("log")
        panel.xaxis.set_minor_locator(NullLocator())
    places = [place for place, _ in found]
    panel.set_xticks(places, [_tick(point) for point in points], fontsize=8.5)
    if not numeric:
        panel.set_xlim(-0.5, len(points) - 0.5)
    return line


def _tick(point: str) -> str:
    if not point.isdigit():
        return point.replace(" + ", "\n+ ")
    value = int(point)
    if value >= 1000 and value % 1024 == 0:
        return f"{value // 1024} Ki"
    return f"{value // 1000} k" if value >= 1000 and value % 1000 == 0 else f"{value}"
