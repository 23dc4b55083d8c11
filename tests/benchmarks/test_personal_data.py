"""The benchmark of personal data on a set small enough to count by hand; every number is made up."""

from __future__ import annotations

import json
from pathlib import Path

from tests.benchmarks import running


def test_by_hand(tmp_path: Path) -> None:
    lines: list[dict[str, object]] = [
        {"regions": {"sw": ["TZ"]}},
        {"half": "a", "language": "sw", "text": "Piga 0712 345 678.", "spans": [[5, 17, "phone"]]},
        {"half": "a", "language": "sw", "text": "Yohana 3:16, a@b.co", "spans": []},
        {"half": "b", "language": "sw", "text": "Ni 712 345 678.", "spans": [[3, 14, "phone"]]},
    ]
    path = tmp_path / "set.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    figures = running.run(
        "personal_data.py", path, tmp_path / "out.json", "--missed", "--rows", "40",
        says=("wrong email: 'a@b.co'", "missed phone: '712 345 678'", "of the floor"),
    )  # fmt: skip
    assert figures["a"]["phone"]["precision"][0] == figures["a"]["phone"]["recall"][0] == 1
    assert figures["a"]["all"]["precision"][0] == 0.5 and figures["a"]["email"]["recall"] is None
    assert (figures["b"]["phone"]["found"], figures["b"]["phone"]["recall"][0]) == (0, 0)
    assert set(figures) == {"a", "b", "rows_per_second"}
