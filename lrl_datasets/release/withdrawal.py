"""Somebody asks to be removed: what `withdrawn.txt` names leaves every config of the next version.

`withdrawn.txt` lies in the campaign folder, or beside the builder for rows from the Hub. Its lines are `row ID` or
`annotator PSEUDONYM`; what follows a `#` is a comment. A row leaves with its near-copies and with every vote on it,
an annotator with all answers and all votes. A name that nothing read has is no error: a record that was deleted
from its export as well should stay named, since it may come back with the next one.

A release names nobody who left. Its manifest holds hashes of the names (`hashed`), of its own withdrawn and of those
of all releases before, by which who has an older version can tell a withdrawn row from one that is only gone. By
them the next build knows who left too: where a line of `withdrawn.txt` got lost, it is written again.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from lrl_datasets import schema
from lrl_datasets.errors import LrlError
from lrl_datasets.filters.base import add_column
from lrl_datasets.release.previous import Previous

FILE = "withdrawn.txt"
_LINE = re.compile(r"row [0-9a-f]{24}|annotator [0-9a-f]{16}")


@dataclass(frozen=True)
class Asked:
    """What the files name, in the names of this build."""

    rows: frozenset[str] = frozenset()
    annotators: frozenset[str] = frozenset()
    named_in: Mapping[str, Path] = field(default_factory=dict)
    """Name → the (first) file that names it."""
    translated: Mapping[str, str] = field(default_factory=dict)
    """Name → its kind, where the file has the name under the old key."""
    lost: Mapping[str, str] = field(default_factory=dict)
    """Name → its kind, where an earlier release knows it and no file has it."""


@dataclass(frozen=True)
class Left:
    """What remains after the withdrawn left, and what is known of those."""

    rows: pa.Table
    judged: pa.Table
    records: Counter[str]
    """Withdrawn records by source."""
    judgements: int
    asked: Asked
    """What was asked, with the near-copies: names that may stand nowhere in the release."""
    hashes: dict[str, list[str]]
    """What the manifest says of who left, in this version and before."""
    to_record: dict[Path, list[str]]
    """File → lines that it should have too, so that nothing comes back: near-copies, names of a new key, and who
    left an earlier version and is named no more."""
    unknown: list[str]
    """Lines that name nothing that was read."""


def leave(
    rows: pa.Table,
    judged: pa.Table,
    asked: Asked,
    previous: Previous | None,
    files: Mapping[str, Path | None],
) -> Left:
    """Take the withdrawn rows, their near-copies, and all votes of and on them out.

    Parameters
    ----------
    rows
        Every record read, with `id`, `annotator`, `content_hash`, `source`, `cluster` and `group`. The sets that a
        withdrawn row had joined stay joined; they are only named by the smallest id that remains.
    judged
        Every judgement, with `source`, `answer_id` and `worker` (a pseudonym).
    asked
        What `withdrawn.txt` names.
    previous
        It remembers who left before, and the near-copies and the author of a record that is not read any more.
    files
        Source → the `withdrawn.txt` that names its rows and people; it need not be there. None: there is no place
        for one.
    """
    asked = _remembered(rows, judged, asked, previous, files) if previous else asked
    if not asked.rows and not asked.annotators:
        hashes = _with_earlier(hashed(asked), previous)
        return Left(rows, judged, Counter(), 0, asked, hashes, to_record={}, unknown=[])
    columns = ["id", "annotator", "content_hash", "source", "cluster"]
    now = {row["id"]: row for row in rows.select(columns).to_pylist()}
    before = (
        {row["id"]: row for row in previous.records} if previous and (asked.rows or asked.annotators) else {}
    )

    # Who leaves, and the file that says so: the named, their near-copies as the previous release had them (where
    # their text is still the same), and the near-copies of all these now.
    why = {name: asked.named_in.get(name) for name in asked.rows}
    for name, row in (before | now).items():
        if row["annotator"] in asked.annotators:
            why.setdefault(name, asked.named_in.get(row["annotator"]))
    named = frozenset(why)
    files = {before[name]["cluster"]: why[name] for name in sorted(why) if name in before}
    for name, row in before.items():
        same = name not in now or now[name]["content_hash"] == row["content_hash"]
        if row["cluster"] in files and same:
            why.setdefault(name, files[row["cluster"]])
    files = {now[name]["cluster"]: why[name] for name in sorted(why) if name in now}
    for name, row in now.items():
        if row["cluster"] in files:
            why.setdefault(name, files[row["cluster"]])

    gone = pa.array(sorted(why.keys() & now.keys()), pa.string())
    kept = rows.filter(pc.invert(pc.is_in(rows["id"], gone)))
    for column in ("cluster", "group"):
        kept = add_column(
            kept, column, _by_smallest(kept["id"].to_pylist(), kept[column].to_pylist()), pa.string()
        )
    # Also where only the answer was deleted from its export, and the votes on it were left.
    left_rows, people_left = (pa.array(sorted(names), pa.string()) for names in (why, asked.annotators))
    leaving = pc.is_in(judged["worker"], people_left)
    for shown in (name for name in ("answer_id", "other_id") if name in judged.column_names):
        leaving = pc.or_(leaving, pc.is_in(judged[shown], left_rows))
    people = set(rows["annotator"].to_pylist()) | set(judged["worker"].to_pylist())
    left = replace(asked, rows=frozenset(why))
    return Left(
        rows=kept,
        judged=judged.filter(pc.invert(leaving)),
        records=Counter(now[name]["source"] for name in why if name in now),
        judgements=pc.sum(leaving).as_py() or 0,
        asked=left,
        hashes=_with_earlier(hashed(left), previous),
        to_record=_to_record(why, named, asked),
        unknown=[
            *(f"row {name}" for name in sorted(asked.rows - now.keys())),
            *(f"annotator {name}" for name in sorted(asked.annotators - people)),
        ],
    )


def load(files: Iterable[Path | None], names: Mapping[str, str]) -> Asked:
    """Read what the files name.

    Parameters
    ----------
    files
        Where a `withdrawn.txt` may lie.
    names
        Old → new name where the pseudonym key changed (`previous.translation`).

    Raises
    ------
    LrlError
        A line is neither kind; file and line are named.
    """
    asked: dict[str, set[str]] = {"row": set(), "annotator": set()}
    named_in: dict[str, Path] = {}
    translated: dict[str, str] = {}
    for file in dict.fromkeys(file for file in files if file is not None and file.exists()):
        for kind, name in read(file):
            new = names.get(name, name)
            asked[kind].add(new)
            named_in.setdefault(new, file)
            if new != name:
                translated[new] = kind
    return Asked(frozenset(asked["row"]), frozenset(asked["annotator"]), named_in, translated)


def hashed(asked: Asked) -> dict[str, list[str]]:
    """Return what the manifest says of who left: hashes of ids and pseudonyms, no name."""
    return {
        "rows": sorted(_hash(name) for name in asked.rows),
        "annotators": sorted(_hash(name) for name in asked.annotators),
    }


def recognised(content: Mapping[str, Any], names: Collection[str]) -> set[str]:
    """Return which of an older version's ids and pseudonyms a manifest says were withdrawn."""
    hashes = {entry for entries in (content.get("withdrawn") or {}).values() for entry in entries}
    return {name for name in names if _hash(name) in hashes} if hashes else set()


# ---- the file -------------------------------------------------------------------------------------------


def read(file: Path) -> list[tuple[str, str]]:
    """Return the (kind, name) of each line, `row` or `annotator`.

    Raises
    ------
    LrlError
        The file is no text, or a line is neither kind.
    """
    return [entry for entry, _ in _lines(file) if entry is not None]


def add(file: Path, lines: Iterable[str]) -> list[str]:
    """Add lines to a `withdrawn.txt`, sorted, and return those that were not there yet.

    Comments stay: whole lines of them at the top, the others with their line. The file is replaced in one step, and
    not touched where nothing is new.

    Raises
    ------
    LrlError
        The file cannot be read or written, or a line is neither kind.
    """
    there = _lines(file) if file.exists() else []
    known = {entry for entry, _ in there}
    new = sorted({line: _parsed(line, f"{line!r}") for line in lines}.items())
    new = [(line, entry) for line, entry in new if entry not in known]
    if not new:
        return []
    comments = [text for entry, text in there if entry is None]
    entries = [(entry, text) for entry, text in there if entry is not None]
    entries += [(entry, line) for line, entry in new if entry is not None]
    text = "\n".join([*comments, *(line for _, line in sorted(entries))]) + "\n"
    try:
        handle, scratch = tempfile.mkstemp(prefix=f".{file.name}-", dir=file.parent)
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        Path(scratch).chmod(0o644)
        Path(scratch).replace(file)
    except OSError as error:
        raise LrlError(f"{file}: cannot be written ({error.strerror or error})") from None
    return [line for line, _ in new]


def check_writable(to_record: Mapping[Path, list[str]]) -> None:
    """Refuse to go on where lines could not be added: the release would be there, and the next one lack them.

    Raises
    ------
    LrlError
        A file, or the folder that it is replaced in, cannot be written.
    """
    for file, lines in to_record.items():
        missing = [
            line for line in lines if not file.exists() or _parsed(line, line) not in dict(_lines(file))
        ]
        if missing and file.parent.exists() and not os.access(file.parent, os.W_OK):
            shown = "\n  ".join(missing)
            raise LrlError(f"{file}: cannot be written, and lacks\n  {shown}")


def _lines(file: Path) -> list[tuple[tuple[str, str] | None, str]]:
    """Return each line that is not empty with its entry; None for a comment."""
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise LrlError(f"{file}: cannot be read ({error})") from None
    return [
        (_parsed(line, f"{file} line {number}"), line.strip())
        for number, line in enumerate(text.splitlines(), start=1)
        if line.strip()
    ]


def _parsed(line: str, where: str) -> tuple[str, str] | None:
    entry = " ".join(line.partition("#")[0].split())
    if not entry:
        return None
    if not _LINE.fullmatch(entry):
        raise LrlError(
            f"{where}: write `row ID` (24 hex digits, the column id) or `annotator PSEUDONYM` (16 hex digits, the "
            "columns annotator and worker)"
        )
    kind, name = entry.split(" ")
    return kind, name


def _hash(name: str) -> str:
    return schema.digest("withdrawn", name, length=32)


def _by_smallest(ids: list[str], sets: list[str]) -> list[str]:
    smallest: dict[str, str] = {}
    for name, one in zip(ids, sets, strict=True):
        smallest[one] = min(name, smallest.get(one, name))
    return [smallest[one] for one in sets]


def _remembered(
    rows: pa.Table, judged: pa.Table, asked: Asked, previous: Previous, files: Mapping[str, Path | None]
) -> Asked:
    """Add who is read again, left an earlier version, and stands in no `withdrawn.txt` any more."""
    if not any((previous.release.manifest.get("withdrawn") or {}).values()):
        return asked  # nobody ever left
    at = {
        ("row", name): files.get(source)
        for name, source in zip(rows["id"].to_pylist(), rows["source"].to_pylist(), strict=True)
    }
    people = ((rows, "annotator"), (judged, "worker"))
    for table, column in people:
        named = zip(table[column].to_pylist(), table["source"].to_pylist(), strict=True)
        at |= {("annotator", name): files.get(source) for name, source in named if name is not None}
    # The previous release knows them by the names that its own key gave them.
    known = recognised(previous.release.manifest, {previous.drawn_as(name) for _, name in at})
    lost = {
        name: kind
        for kind, name in at
        if previous.drawn_as(name) in known and name not in asked.rows | asked.annotators
    }
    return replace(
        asked,
        rows=asked.rows | {name for name, kind in lost.items() if kind == "row"},
        annotators=asked.annotators | {name for name, kind in lost.items() if kind == "annotator"},
        named_in={**asked.named_in, **{n: file for n, kind in lost.items() if (file := at[kind, n])}},
        lost=lost,
    )


def _with_earlier(hashes: dict[str, list[str]], previous: Previous | None) -> dict[str, list[str]]:
    earlier = (previous.release.manifest.get("withdrawn") or {}) if previous else {}
    return {kind: sorted({*found, *earlier.get(kind, ())}) for kind, found in hashes.items()}


def _to_record(why: Mapping[str, Path | None], named: Collection[str], asked: Asked) -> dict[Path, list[str]]:
    notes = [(name, f"row {name}  # a near-copy") for name in why.keys() - named]
    notes += [(name, f"{kind} {name}  # under the new key") for name, kind in asked.translated.items()]
    notes += [(name, f"{kind} {name}  # left an earlier version") for name, kind in asked.lost.items()]
    lines: dict[Path, list[str]] = {}
    for name, line in sorted(notes):
        if file := why.get(name) or asked.named_in.get(name):
            lines.setdefault(file, []).append(line)
    return lines
