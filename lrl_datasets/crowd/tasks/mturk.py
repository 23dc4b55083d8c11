"""Mechanical Turk: a batch's CSV with its HTML template, and a batch's results.

Takes the page and the tasks. One task is one HIT, and suites have no meaning but their order; or one suite is, where
the campaign's columns are numbered. MTurk puts cells into the template as
they are, so `FIELD_html` stands beside each shown field, escaped: a worker's answer cannot become another worker's
page. The raw field and the golden label are columns that the template does not use; MTurk gives them back as
`Input.*` and shows them to nobody. It takes no characters beyond U+FFFF in the CSV: `astral` finds such tasks.

The template (`mturk.html.j2`) uses AWS's crowd-form and no other library: `Answer.FIELD` is one plain field.
"""

from __future__ import annotations

import csv
import io
from datetime import datetime, timedelta
from functools import cache
from html import escape
from importlib.resources import files
from itertools import groupby
from typing import Any

import jinja2
import pyarrow as pa

from lrl_datasets.crowd.tasks.pages import Page
from lrl_datasets.crowd.tasks.suites import INPUT
from lrl_datasets.sources.formulas import neutralised

_STATUSES = {"submitted": "Submitted", "accepted": "Approved", "rejected": "Rejected"}


def write(page: Page, tasks: pa.Table) -> dict[str, bytes]:
    """Write what MTurk imports: `batch.csv` and `template.html`.

    Where the campaign's columns are numbered (`Input.answer_{n}`), a suite is a HIT with its tasks on one page;
    otherwise every task is one HIT, and suites do not exist.
    """
    hits = [[row] for row in tasks.to_pylist()]
    if page.numbered:
        hits = [list(group) for _, group in groupby(tasks.to_pylist(), lambda row: row["suite"])]
    places = max((len(hit) for hit in hits), default=1)
    return {
        "batch.csv": _csv(_columns(page, places), [_cells(page, hit, places) for hit in hits]),
        "template.html": template(page, places).encode(),
    }


def template(page: Page, places: int = 1) -> str:
    """Render the page of one HIT with so many tasks, with `${FIELD_html}` where MTurk puts the texts."""
    numbers: list[int | None] = [*range(1, places + 1)] if page.numbered else [None]
    return _template().render(page=page, texts=page.texts, numbers=numbers)


def astral(page: Page, tasks: pa.Table) -> list[str]:
    """Name the tasks with characters that MTurk's upload refuses (emoji, mostly)."""
    rows = tasks.to_pylist()
    return [
        row["task"] for row in rows if any(max(cell, default="") > "\uffff" for cell in _inputs(page, row))
    ]


def formulas(page: Page, tasks: pa.Table) -> list[str]:
    """Name the tasks with cells that a spreadsheet program would run (`sources.formulas`).

    MTurk shows cells as they are, so nothing is put before them here: judges would see it.
    """
    rows = tasks.to_pylist()
    return [
        row["task"]
        for row in rows
        if any(not cell.startswith("'") and neutralised(cell) != cell for cell in _inputs(page, row))
    ]


def export(page: Page, responses: pa.Table) -> bytes:
    """Write a batch's results, as `Batch_N_batch_results.csv` has them.

    A response that was never handed in is no row, as there.
    """
    suites: dict[str, list[dict[str, Any]]] = {}
    for row in responses.to_pylist():
        suites.setdefault(row["assignment"], []).append(row)
    places = max((len(rows) for rows in suites.values()), default=1) if page.numbered else 1
    numbers = range(1, places + 1)
    outputs = [page.numbered_as(ask.output, n) for n in numbers for ask in page.asks]
    names = [
        "HITId", "HITTypeId", "Title", "Reward", "AssignmentId", "WorkerId", "AssignmentStatus", "AcceptTime",
        "SubmitTime", "WorkTimeInSeconds", *(f"Input.{name}" for name in _columns(page, places)),
        *(f"Answer.{name}" for name in outputs), "Approve", "Reject",
    ]  # fmt: skip
    lines = []
    for assignment, rows in suites.items():
        for place, hit in enumerate([rows] if page.numbered else [[row] for row in rows]):
            first, of = hit[0], 1 if page.numbered else len(rows)
            if first["status"] not in _STATUSES:
                continue
            share = (first["submitted"] - first["started"]) / of
            began = first["started"] + share * place
            said = [cell for row in hit for cell in page.given(row["output"]).values()]
            lines.append([
                f"suite-{first['suite']}" if page.numbered else first["task"], "LRL", page.title,
                "" if first["reward"] is None else f"${first['reward'] / of:.4f}",
                assignment if page.numbered else f"{assignment}-{place + 1}", first["worker"],
                _STATUSES[first["status"]], _time(began), _time(began + share), f"{share.total_seconds():.0f}",
                *_cells(page, hit, places), *said, *[""] * (len(outputs) - len(said)), "", "",
            ])  # fmt: skip
    return _csv(names, lines)


def _columns(page: Page, places: int) -> list[str]:
    """Name the columns of a HIT, task by task: what is shown, the same escaped, the true labels."""
    fields = [*page.inputs, *(f"{one.field}_html" for one in page.shown), *(ask.golden for ask in page.asks)]
    return [page.numbered_as(field, n) for n in range(1, places + 1) for field in fields]


def _cells(page: Page, hit: list[dict[str, Any]], places: int) -> list[str]:
    """Fill the columns of a HIT; a page that is not full ends with empty cells, and its template hides them."""
    cells = [
        cell
        for row in hit
        for cell in (*_inputs(page, row), *_shown(page, row), *page.given(row["golden"]).values())
    ]
    return cells + [""] * (len(_columns(page, places)) - len(cells))


def _inputs(page: Page, row: dict[str, Any]) -> list[str]:
    return [row[INPUT + name] or "" for name in page.inputs]


def _shown(page: Page, row: dict[str, Any]) -> list[str]:
    """Escape the shown texts; what MTurk's upload refuses becomes a character reference."""
    cells = []
    for one in page.shown:
        text = escape(row[INPUT + one.field] or "").replace("$", "&#36;").replace("\n", "<br>")
        cells.append("".join(sign if sign <= "\uffff" else f"&#{ord(sign)};" for sign in text))
    return cells


def _csv(names: list[str], rows: list[list[str]]) -> bytes:
    out = io.StringIO(newline="")
    table = csv.writer(out, lineterminator="\n", quoting=csv.QUOTE_ALL)
    table.writerow(names)
    table.writerows(rows)
    return out.getvalue().encode()


def _time(moment: datetime) -> str:
    """Write a UTC time as MTurk does, on Seattle's winter clock."""
    return f"{moment - timedelta(hours=8):%a %b %d %H:%M:%S} PST {moment - timedelta(hours=8):%Y}"


@cache
def _template() -> jinja2.Template:
    source = files("lrl_datasets.crowd.tasks").joinpath("mturk.html.j2").read_text(encoding="utf-8")
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.from_string(source)
