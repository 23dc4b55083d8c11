"""What a model of helpfulness is worth, as a table: figures on rows it had not seen, and what it goes by."""

from __future__ import annotations

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from lrl_datasets.filters.helpfulness_model import Model

_SHOWN = 8


def fitted(model: Model) -> RenderableType:
    """Return the report of a fit."""
    told, on = model.report, model.fitted_on
    table = _table(f"helpfulness of {model.language}, learnt from {on['repository']} {on['version']}")
    for name in ("on rows that it had not seen", "", "beside it"):
        table.add_column(name, justify="left" if name else "right")
    auc, brier, error = told["auc"], told["brier"], told["calibration_error"]
    table.add_row(
        "judged rows (helpful, not)",
        str(on["rows"]),
        f"{on['helpful']}, {on['rows'] - on['helpful']}; {on['groups']} groups",
    )
    table.add_row(
        "AUC", f"{auc['value']:.3f}", f"95 % interval {auc['low']:.3f} to {auc['high']:.3f}; a coin has .5"
    )
    table.add_row(
        "Brier score",
        f"{brier['model']:.4f}",
        f"{brier['mean']:.4f} of the mean, {told['base_rate']:.2f}, said of every row",
    )
    table.add_row(
        "gain in it",
        f"{brier['mean'] - brier['model']:.4f}",
        f"95 % interval {brier['gain_low']:.4f} to {brier['gain_high']:.4f}",
    )
    table.add_row(
        "calibration error",
        f"{error['after']:.3f}",
        f"{error['before']:.3f} uncalibrated, {error['perfect']:.3f} of a perfect one",
    )
    weights = _table("what it goes by (weights of standardised features)")
    weights.add_column("feature")
    weights.add_column("weight", justify="right")
    for one in sorted(model.features, key=lambda one: (-abs(one.weight), one.name))[:_SHOWN]:
        weights.add_row(one.name, f"{one.weight:+.2f}")
    notes = [Text(note, style="yellow") for note in told["notes"]]
    return Group(table, Text(), weights, *notes)


def _table(title: str) -> Table:
    return Table(
        title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, show_edge=False,
        padding=(0, 1, 0, 0), pad_edge=False,
    )  # fmt: skip
