"""The plots of contestants side by side."""

from pathlib import Path

from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, NullLocator

from . import style
from .results import Results
from .scenarios import LATENCY_LOADS

BAR = 0.62


def draw_all(results: Results, folder: Path) -> list[Path]:
    """Every plot that there are figures for."""
    from .growthplots import draw_growth

    style.prepare()
    paths = []
    for draw in (_throughput, _cpu, _latency, draw_growth):
        paths += draw(results, folder)
    return paths


def _throughput(results: Results, folder: Path) -> list[Path]:
    panels = [
        (scenario, title) for scenario, title in (
            ("burst", "Burst: no index, batches of 500"), ("indexed", "Sustained: with the readers' indexes"),
            ("single", "Batches of one event"),
        ) if results.contestants(scenario)
    ]  # fmt: skip
    if not panels:
        return []
    counts = [len(results.contestants(scenario)) for scenario, _ in panels]
    figure, axes = plt.subplots(
        len(panels), 1, figsize=(8.5, 1.1 + sum(0.42 * count + 0.85 for count in counts)), squeeze=False,
        height_ratios=counts, layout="constrained",
    )  # fmt: skip
    for panel, (scenario, title) in zip(axes[:, 0], panels, strict=True):
        names = results.contestants(scenario)
        spreads = [results.spread(scenario, name, "events_per_second") for name in names]
        most = max(one.most for one in spreads)
        for place, (name, one) in enumerate(zip(names, spreads, strict=True)):
            panel.barh(place, one.median, BAR, color=style.colour(name))
            if one.count > 1:
                error = [[one.median - one.least], [one.most - one.median]]
                panel.errorbar(one.median, place, xerr=error, color=style.INK, capsize=3, linewidth=1)
            panel.text(one.most + most * 0.012, place, style.short(one.median), va="center", fontsize=9)
        _name_rows(panel, results, names)
        panel.set_xlim(0, most * 1.1)
        panel.xaxis.set_major_formatter(FuncFormatter(lambda value, _: style.short(value)))
        panel.set_title(title)
    axes[-1, 0].set_xlabel("events acknowledged a second (median; whiskers: least and most)")
    figure.get_layout_engine().set(h_pad=0.09)
    return style.save(figure, results, folder, "throughput")


def _cpu(results: Results, folder: Path) -> list[Path]:
    names = results.contestants("burst")
    if not names:
        return []
    figure, axes = plt.subplots(figsize=(8.5, 1.9 + 0.42 * len(names)), layout="constrained")
    labels = {"collector": "collector (or loader)", "postgres": "PostgreSQL", "emitter": "load generator"}
    ends = [0.0] * len(names)
    for part, tint in style.PARTS.items():
        for place, name in enumerate(names):
            one = results.spread("burst", name, f"{part}_microseconds")
            width = one.median if one else 0
            axes.barh(place, width, BAR, left=ends[place], color=tint, edgecolor="white", linewidth=0.6)
            ends[place] += width
        axes.barh(0, 0, color=tint, label=labels[part])
    for place, end in enumerate(ends):
        axes.text(end + max(ends) * 0.01, place, f"{end:.1f}", va="center", fontsize=9)
    _name_rows(axes, results, names)
    axes.set_xlim(0, max(ends) * 1.08)
    axes.set_xlabel("processor time, µs an event (medians)")
    axes.set_title("Processor time an event: burst, no index", pad=26)
    axes.legend(
        loc="lower left", bbox_to_anchor=(0, 1), ncols=3, fontsize=9, borderpad=0, borderaxespad=0.5, handlelength=1.2,
        handleheight=0.9,
    )  # fmt: skip
    return style.save(figure, results, folder, "cpu")


def _latency(results: Results, folder: Path) -> list[Path]:
    names = results.contestants("latency")
    if not names:
        return []
    panels = (("p50", "p50"), ("p99", "p99"), ("p999", "p99.9"))
    figure, axes = plt.subplots(1, 3, figsize=(8.5, 4.0), sharey=True, layout="constrained")
    for panel, (figure_name, title) in zip(axes, panels, strict=True):
        for name in names:
            found = [
                (load, results.spread("latency", name, f"{figure_name}_milliseconds", f"{load}"))
                for load in LATENCY_LOADS
            ]
            known = [(load, one) for load, one in found if one]
            panel.errorbar(
                [load for load, _ in known], [one.median for _, one in known],
                yerr=[[one.median - one.least for _, one in known], [one.most - one.median for _, one in known]],
                color=style.colour(name), marker=style.marker(name), markersize=6, capsize=3, linewidth=1.6,
            )  # fmt: skip
        panel.set_yscale("log")
        panel.set_title(title)
        panel.set_xticks(LATENCY_LOADS, [f"{load} %" for load in LATENCY_LOADS])
        panel.set_xlim(LATENCY_LOADS[0] - 8, LATENCY_LOADS[-1] + 8)
        style.plain_grid(panel, "y")
        panel.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        panel.yaxis.set_minor_formatter(NullFormatter())
        panel.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        panel.yaxis.set_minor_locator(NullLocator())
    axes[0].set_ylabel("acknowledgement latency, ms")
    axes[1].set_xlabel("events offered, share of each one's own saturation (open loop)")
    style.legend(figure, results, names)
    return style.save(figure, results, folder, "latency")


def _name_rows(axes: Axes, results: Results, names: list[str]) -> None:
    axes.set_yticks(range(len(names)), [results.title(name) for name in names])
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.spines["left"].set_visible(False)
    style.plain_grid(axes, "x")
