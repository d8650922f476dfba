"""How all plots look."""

from pathlib import Path

import matplotlib

matplotlib.use("Agg")

from matplotlib import pyplot as plt  # noqa: E402
from matplotlib.axes import Axes  # noqa: E402
from matplotlib.figure import Figure  # noqa: E402
from matplotlib.lines import Line2D  # noqa: E402

from .machine import one_line  # noqa: E402
from .results import Results  # noqa: E402

# Okabe and Ito's palette, which people who see fewer colours tell apart, too.
COLOURS = {
    "docket": "#0072B2", "loader": "#7F7F7F", "go": "#E69F00", "go-tuned": "#F0C75E", "python-copy": "#009E73",
    "python-queue": "#CC79A7", "rsyslog": "#D55E00", "grpc-swift": "#56B4E9",
}  # fmt: skip
OTHER_COLOUR = "#000000"
MARKERS = {
    "docket": "o", "go": "s", "go-tuned": "d", "python-copy": "^", "grpc-swift": "D", "python-queue": "v",
    "rsyslog": "P",
}  # fmt: skip
# Tol's muted palette for what isn't a contestant, so that no colour means two things.
PARTS = {"collector": "#332288", "postgres": "#88CCEE", "emitter": "#DDCC77"}
FOOT_INCHES = 0.45
INK, PALE = "#222222", "#D9D9D9"


def prepare() -> None:
    """Settings of all plots."""
    plt.rcParams.update({
        "font.size": 10, "axes.spines.top": False, "axes.spines.right": False, "axes.edgecolor": INK,
        "axes.labelcolor": INK, "text.color": INK, "xtick.color": INK, "ytick.color": INK, "axes.titlesize": 11,
        "axes.titleweight": "bold", "axes.titlelocation": "left", "legend.frameon": False, "axes.axisbelow": True,
        "grid.color": PALE, "grid.linewidth": 0.7, "savefig.dpi": 150, "svg.hashsalt": "docket",
        "figure.facecolor": "white",
    })  # fmt: skip


def colour(contestant: str) -> str:
    """The same in all plots."""
    return COLOURS.get(contestant, OTHER_COLOUR)


def marker(contestant: str) -> str:
    """The same in all plots."""
    return MARKERS.get(contestant, "x")


def save(figure: Figure, results: Results, folder: Path, name: str) -> list[Path]:
    """As PNG and SVG, with the machine and the date at the foot."""
    version = results.content["postgres"]["version"].split(" ")[0]
    foot = f"{one_line(results.content['machine'])}\nPostgreSQL {version}, durable. {results.content['date']}."
    share = FOOT_INCHES / figure.get_figheight()
    figure.get_layout_engine().set(rect=(0, share, 1, 1 - share))
    figure.text(0.08 / figure.get_figwidth(), 0.25 * share, foot, fontsize=7.5, color="#555555", va="bottom")
    paths = [folder / f"{name}.{kind}" for kind in ("png", "svg")]
    for path in paths:
        figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)
    plt.close(figure)
    return paths


def legend(figure: Figure, results: Results, names: list[str], *more: Line2D) -> None:
    """The contestants of a figure of lines, above it."""
    lines = [Line2D([], [], color=colour(name), marker=marker(name), label=results.title(name)) for name in names]
    figure.legend(handles=[*lines, *more], loc="outside upper left", ncols=4, fontsize=9)


def short(value: float) -> str:
    """1.2 M, 340 k, 27: for labels at marks."""
    if value >= 1e6:
        return f"{value / 1e6:.2f} M"
    if value >= 10_000:
        return f"{value / 1e3:.0f} k"
    return f"{value / 1e3:.2g} k" if value >= 1000 else f"{value:.3g}"


def plain_grid(axes: Axes, axis: str) -> None:
    """Thin lines along one axis."""
    axes.grid(True, axis=axis)
    axes.tick_params(length=0)
