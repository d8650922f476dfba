"""Markdown tables whose columns line up in a terminal, too."""

from collections.abc import Sequence

from .figures import Spread


def markdown(header: Sequence[str], rows: Sequence[Sequence[str]], left_columns: int = 1) -> str:
    """A table; the first columns to the left, the others, numbers, to the right."""
    cells = [list(header), *(list(row) for row in rows)]
    widths = [max(3, *(len(row[column]) for row in cells)) for column in range(len(header))]

    def line(row: Sequence[str]) -> str:
        padded = [
            cell.ljust(width) if column < left_columns else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        return f"| {' | '.join(padded)} |"

    rule = [
        "-" * width if column < left_columns else "-" * (width - 1) + ":" for column, width in enumerate(widths)
    ]
    return "\n".join([line(cells[0]), line(rule), *(line(row) for row in cells[1:])])


def number(value: float, digits: int = 0) -> str:
    """With thousands set apart."""
    return f"{value:,.{digits}f}"


def cell(spread: Spread | None, digits: int = 0) -> str:
    """A median, with its range when there is more than one run."""
    if spread is None:
        return "–"
    if spread.least == spread.most:
        return number(spread.median, digits)
    return f"{number(spread.median, digits)} ({number(spread.least, digits)}–{number(spread.most, digits)})"


def times(value: float | None) -> str:
    """A ratio."""
    if value is None:
        return "–"
    return f"{value:.2f} ×" if value < 10 else f"{value:.1f} ×"
