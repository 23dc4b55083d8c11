"""Mechanical Turk: a batch's CSV with its HTML template, and a batch's results. One task is one HIT.

Takes the page and the tasks; suites have no meaning here but their order. MTurk puts cells into the template as
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
from typing import Any

import jinja2
import pyarrow as pa

from lrl_datasets.crowd.tasks.pages import Page
from lrl_datasets.crowd.tasks.suites import INPUT

_STATUSES = {"submitted": "Submitted", "accepted": "Approved", "rejected": "Rejected"}


def write(page: Page, tasks: pa.Table) -> dict[str, bytes]:
    """Write what MTurk imports: `batch.csv` and `template.html`; suites do not exist there."""
    names = [*page.inputs, *(f"{one.field}_html" for one in page.shown), page.golden]
    rows = [[*_inputs(page, row), *_shown(page, row), row["golden"] or ""] for row in tasks.to_pylist()]
    return {"batch.csv": _csv(names, rows), "template.html": template(page).encode()}


def template(page: Page) -> str:
    """Render the page of one HIT, with `${FIELD_html}` where MTurk puts the texts."""
    return _template().render(page=page, texts=page.texts)


def astral(page: Page, tasks: pa.Table) -> list[str]:
    """Name the tasks with characters that MTurk's upload refuses (emoji, mostly)."""
    rows = tasks.to_pylist()
    return [
        row["task"] for row in rows if any(max(cell, default="") > "\uffff" for cell in _inputs(page, row))
    ]


def export(page: Page, responses: pa.Table) -> bytes:
    """Write a batch's results, as `Batch_N_batch_results.csv` has them.

    A response that was never handed in is no row, as there.
    """
    shown = [f"{one.field}_html" for one in page.shown]
    names = [
        "HITId", "HITTypeId", "Title", "Reward", "AssignmentId", "WorkerId", "AssignmentStatus", "AcceptTime",
        "SubmitTime", "WorkTimeInSeconds", *(f"Input.{name}" for name in [*page.inputs, *shown, page.golden]),
        f"Answer.{page.output}", "Approve", "Reject",
    ]  # fmt: skip
    counts: dict[str, int] = {}
    for row in responses.to_pylist():
        counts[row["assignment"]] = counts.get(row["assignment"], 0) + 1
    rows, seen = [], dict.fromkeys(counts, 0)
    for row in responses.to_pylist():
        place, of = seen[row["assignment"]], counts[row["assignment"]]
        seen[row["assignment"]] += 1
        if row["status"] not in _STATUSES:
            continue
        share = (row["submitted"] - row["started"]) / of
        began = row["started"] + share * place
        reward = "" if row["reward"] is None else f"${row['reward'] / of:.4f}"
        rows.append([
            row["task"], "LRL", page.title, reward, f"{row['assignment']}-{place + 1}", row["worker"],
            _STATUSES[row["status"]], _time(began), _time(began + share), f"{share.total_seconds():.0f}",
            *_inputs(page, row), *_shown(page, row), row["golden"] or "", row["output"], "", "",
        ])  # fmt: skip
    return _csv(names, rows)


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
