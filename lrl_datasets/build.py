"""Runs a builder: sources → filters → crowd → release folder. A release is a pure function of its inputs.

The steps stand in `build` in the order of the design, the same for every row, refused or not; each is one
function of a table. Rows are never dropped on the way: `records = published + rejected + withdrawn`. What looks at one
row alone is one chain over blocks of rows, in this process or on an engine's workers; what needs the whole corpus
works on narrow columns and is joined on `id`. Which engine, and how many workers, changes no byte.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from lrl_datasets import languages, lock, pseudonyms, schema
from lrl_datasets.builder import Builder, withdrawn_file
from lrl_datasets.crowd import acceptance, aggregation, agreement, answer_rules, join, rubric
from lrl_datasets.engine import Engine, blocks
from lrl_datasets.errors import LrlError, NoAnswer
from lrl_datasets.filters import duplicates
from lrl_datasets.filters.base import Filter, add_column
from lrl_datasets.filters.contamination import Contamination
from lrl_datasets.filters.english import with_originals
from lrl_datasets.filters.helpfulness import Helpfulness
from lrl_datasets.filters.helpfulness_prediction import HelpfulnessPrediction, where_nobody_judged
from lrl_datasets.filters.identity import Identity, Names
from lrl_datasets.filters.suite_index import SuiteIndex
from lrl_datasets.filters.worker_ids import WorkerIds
from lrl_datasets.release import counts, folder, keys, leak_report, manifest, renamed, versions, withdrawal
from lrl_datasets.release import previous as earlier
from lrl_datasets.release.changes import Diff
from lrl_datasets.release.configs import Compared, divide
from lrl_datasets.release.splits import assign, with_groups
from lrl_datasets.sources import quarantine
from lrl_datasets.sources.base import Source, SourceTables, workers_of

Progress = Callable[[str], None]

AFTER_THE_CROWD = ("helpfulness", "duplicates")
"""A builder's filters that need the whole corpus, or the votes. All others are functions of a row."""


@dataclass(frozen=True)
class Built:
    """A finished build: where it lies, and its counts as the manifest has them."""

    folder: Path
    manifest: dict[str, Any]
    quarantine: Path
    """The local file with the bytes of records that could not be read, if there are any; no part of the release."""
    unreadable: list[str]
    """`file row N: what is wrong` of each of them."""
    diff: Diff | None = None
    """What changed since the previous release."""
    to_withdraw: Mapping[Path, list[str]] = field(default_factory=dict)
    """`withdrawn.txt` → lines that it should have too, so that nothing comes back: `withdrawal.add` writes them."""
    unknown_withdrawn: Sequence[str] = ()
    """Lines of `withdrawn.txt` that name nothing that was read."""
    renamed: Path | None = None
    """With `rekey`, the local file with the old name of everybody and everything; it is no part of the release."""


def build(
    builder: Builder,
    *,
    name: str,
    out: Path = Path("build"),
    version: str | None = None,
    previous: str | Path | None = None,
    rekey: Path | None = None,
    sample: bool = False,
    given: Mapping[str, Path] | None = None,
    only: Collection[str] = (),
    suite_index: Path | None = None,
    lid_table: Path | None = None,
    script_sha256: str | None = None,
    beside: Path | None = None,
    lock_file: Path | None = None,
    engine: Engine | None = None,
    progress: Progress = lambda step: None,
) -> Built:
    """Build a release folder at `out/<repository>`.

    Parameters
    ----------
    builder
        What to build.
    name
        The builder's name, for the manifest.
    version
        Semantic version of the dataset; by default `1.0.0`, and after a previous release the smallest that the
        change calls for.
    previous
        The release before: its folder, or `namespace/name@v1.0.0`. Its rows keep their splits.
    rekey
        File with the pseudonym key of the previous release, where the key is another now.
    sample
        Read the embedded campaign instead of the builder's sources; the release says SAMPLE.
    given
        Source name → files that replace it, or a campaign folder that is added.
    only
        Names of the sources to read; all when empty.
    suite_index
        File of `lrl tasks index`. Without it nothing is checked for leaks, and the release says so.
    lid_table
        File of `lrl lid fit`: tells the language from its neighbours. Without it the language file's rule decides.
    script_sha256
        SHA-256 of the builder's script, for the manifest.
    beside
        Folder of the builder's script: a `withdrawn.txt` there names rows from the Hub.
    lock_file
        File of `lrl lock`: the Hub sources are read at its commits, and every file must have its hash.
    engine
        Where the work is done (`engine.start`, in `work_folder`); None: in this process, and nothing is kept of a
        build that is broken off.
    progress
        Called with the name of each step as it begins.

    Raises
    ------
    LrlError
        Bad input, named by file, row and column; nothing is written then.
    """
    if version is not None:
        versions.version_key(version)
    if rekey is not None and previous is None:
        raise LrlError("--rekey translates the previous release: name it with --previous")
    if lid_table is not None:
        builder = builder.with_language_table(lid_table)
    language = languages.load(builder.language)
    index = SuiteIndex.load(suite_index) if suite_index else None
    before = earlier.load(previous, builder.repository, builder.splits.salt) if previous else None
    if before and before.lies_at(out / builder.repository):
        raise LrlError(f"--previous {previous}: this build would overwrite it; give another --out")
    old_key = pseudonyms.read_key(rekey) if rekey else None
    chosen = builder.chosen(sample, given or {}, only)
    prediction = next((step for step in builder.filters if isinstance(step, HelpfulnessPrediction)), None)
    if prediction is not None:
        prediction.check(language.code)
    read = _read(chosen, lock_file, language, progress)
    is_sample = sample or any(tables.facts.get("sample") for tables in read.values())
    if prediction is not None:
        prediction.check_sample(is_sample)
    steps = {step.name: step for step in builder.filters}

    progress(answer_rules.NAME)
    rows = quarantine.located(pa.concat_tables([answer_rules.marked(tables) for tables in read.values()]))
    key = keys.of_build(rows, read, before, sample)
    keys.check(key, before, old_key)
    worker_ids = WorkerIds(workers_of(read))
    leaks = _leaks(steps, index)
    local = _row_local(steps, worker_ids, Names(key), leaks)
    rows = blocks.through(engine, rows, local, progress=progress)
    names = keys.translation(rows, read, key, old_key)
    if before and names:
        before = before.renamed(names)
    withdrawn = {source.name: withdrawn_file(source, path, beside) for source, path in chosen}
    asked = withdrawal.load([*withdrawn.values(), beside and beside / withdrawal.FILE], names)
    progress("identity")
    rows = Identity(key)(rows)

    progress("crowd")
    judged = join.judge(rows, read, (steps["normalise"], steps["personal_data"], worker_ids), key)
    if before:
        judged = before.without_votes_on_old_texts(judged, rows)
    weights = join.weighed(judged, read)
    accepted = _accepted(weights, steps)
    rows = _with_helpfulness(rows, weights, accepted, steps)
    search = steps.get("duplicates")
    near: duplicates.Report | None = None
    if isinstance(search, duplicates.Duplicates):
        progress("duplicates")
        rows, near = search.search(rows, engine)
    else:
        rows = add_column(rows, "cluster", rows["id"].combine_chunks(), pa.string())
    tied = search.on(engine) if isinstance(search, duplicates.Duplicates) else None
    rows = with_groups(with_originals(rows), before, tied)
    left = withdrawal.leave(rows, judged, asked, before, withdrawn)
    if rekey is not None and left.unknown:
        raise LrlError(
            f"--rekey: withdrawn, and not read: {', '.join(left.unknown)}; under the new key nobody could recognise "
            "them. Read their exports in this build, or take the lines out if an earlier key made them"
        )
    withdrawal.check_writable(left.to_record)
    if left.records or left.judgements:
        progress("withdrawn")
        judged, weights = left.judged, join.weighed(left.judged, read)
        accepted = _accepted(weights, steps)
        rows = _with_helpfulness(left.rows, weights, accepted, steps)
    progress("splits")
    rows = _complete(assign(rows, builder.splits, before))
    said, of_comparisons = join.compared(judged, {name: tables.facts for name, tables in read.items()})
    compared = Compared(said, builder.comparison_margin)
    configs = divide(rows, judged, builder.preference_margin, compared)
    split_map = earlier.split_map(rows, before, withdrawn=left.asked.rows)

    matches = leak_report.of(rows) if leaks is not None else None
    progress("write")
    content = {
        "repository": builder.repository,
        "title": builder.title,
        "version": version,
        "sample": is_sample,
        "language": {"code": language.code, "sha256": languages.sha256(language.code)},
        "builder": {"name": name, "sha256": script_sha256, "settings": builder.settings()},
        "tools": manifest.tools(),
        "pseudonym_key": pseudonyms.fingerprint(key) if key else before and before.fingerprint,
        "previous": before and before.described(carried=split_map.num_rows - rows.num_rows),
        "withdrawn": left.hashes,
        "suite_index": _suite(leaks, suite_index),
        **({"leaks": leak_report.summary(matches)} if matches is not None else {}),
        "sources": {source: tables.described() for source, tables in read.items()},
        "counts": counts.of_records(rows, left.records),
        **({"near_duplicates": asdict(near)} if near else {}),
        "judgements": counts.of_judgements(judged, left.judgements),
        "agreement": agreement.of_questions(judged, join.sides(tables.facts for tables in read.values())),
        **_rubric(judged),
        **({"comparisons": of_comparisons} if of_comparisons else {}),
        "aggregation": {name: aggregation.report(one) for name, one in weights.items()},
        **({"acceptance": accepted} if accepted else {}),
        **({"prediction": prediction.told(rows)} if prediction else {}),
    }
    changes = versions.settle(content, version, before.release if before else None, configs, split_map)
    place = folder.write(out / builder.repository, split_map, configs, content, matches)
    aside = out / f"{builder.repository}.quarantine.jsonl"
    return Built(
        place,
        json.loads((place / manifest.NAME).read_text(encoding="utf-8")),
        quarantine=aside,
        unreadable=quarantine.write(aside, read),
        diff=changes,
        to_withdraw=left.to_record,
        unknown_withdrawn=left.unknown,
        renamed=renamed.write_names(renamed.beside(place), names),
    )


def work_folder(out: Path, repository: str, given: str | None = None) -> str:
    """Return the folder of an engine's work files: beside the release, never within it, or in the folder given.

    It is always one of its own, since it is removed with all that is in it when the build succeeds.
    """
    place = out / repository
    parent = given.rstrip("/") or "/" if given is not None else str(place.parent)
    return f"{parent.rstrip('/')}/.{place.name}.work"


# ---- rows -----------------------------------------------------------------------------------------------


def _read(
    chosen: Sequence[tuple[Source, Path | None]],
    lock_file: Path | None,
    language: languages.Language,
    progress: Progress,
) -> dict[str, SourceTables]:
    """Read the sources, by name."""
    read: dict[str, SourceTables] = {}
    for source, path in chosen:
        progress(f"read {source.name}")
        try:
            tables = lock.read(source, path, lock_file)
        except NoAnswer as problem:
            raise LrlError(
                f"source {source.name}: {problem}; --only NAME reads other sources alone"
            ) from None
        found = tables.facts.get("language", language.code)
        if found != language.code:
            raise LrlError(
                f"source {source.name}: language is {found} (campaign.toml), and the builder's is {language.code}"
            )
        read[source.name] = tables
    if not any(tables.candidates.num_rows for tables in read.values()):
        raise LrlError(f"{', '.join(read)}: no records at all, so there is nothing to build")
    return read


def _row_local(
    steps: Mapping[str, Filter], worker_ids: WorkerIds, names: Names, leaks: Contamination | None
) -> list[blocks.Step]:
    """Return what looks at one row alone, in the order of `schema.FILTER_ORDER`."""
    local: dict[str, blocks.Step] = {
        name: step for name, step in steps.items() if name not in AFTER_THE_CROWD
    }
    local |= {"worker_ids": worker_ids, "identity": names}
    local.pop("contamination", None)
    if leaks is not None:
        local["contamination"] = leaks
    return [local[name] for name in schema.FILTER_ORDER if name in local]


# ---- votes ----------------------------------------------------------------------------------------------


def _with_helpfulness(
    rows: pa.Table,
    weights: Mapping[str, aggregation.Aggregated],
    accepted: Mapping[str, dict[str, Any]],
    steps: Mapping[str, Filter],
) -> pa.Table:
    """Join what the counted votes say, and mark what they object to; a second time it is computed anew."""
    chosen = {name: acceptance.threshold(told) for name, told in accepted.items()}
    rows = join.with_helpfulness(rows, weights, chosen or None)
    if "helpfulness_prediction" in steps:
        rows = where_nobody_judged(rows)
    return steps["helpfulness"](rows) if "helpfulness" in steps else rows


def _accepted(
    weights: Mapping[str, aggregation.Aggregated], steps: Mapping[str, Filter]
) -> dict[str, dict[str, Any]]:
    """Choose each source's threshold where the builder wants a precision, as the manifest has it."""
    step = steps.get("helpfulness")
    if not isinstance(step, Helpfulness) or step.precision is None:
        return {}
    return {name: acceptance.choose(found, step.precision, step.minimum) for name, found in weights.items()}


# ---- release --------------------------------------------------------------------------------------------


def _complete(rows: pa.Table) -> pa.Table:
    """Add the provenance columns that no step of this builder filled, as nulls."""
    for name, kind in schema.PROVENANCE:
        if name not in rows.column_names:
            rows = add_column(rows, name, pa.nulls(rows.num_rows, kind), kind)
    return rows


def _rubric(judged: pa.Table) -> dict[str, Any]:
    means = rubric.means(judged)
    return {"rubric": means} if means else {}


def _leaks(steps: Mapping[str, Filter], index: SuiteIndex | None) -> Contamination | None:
    """Return what looks for leaks: by the builder's thresholds, or the usual ones; None without an index."""
    step = steps.get("contamination", Contamination())
    return replace(step, index=index) if isinstance(step, Contamination) and index is not None else None


def _suite(looked_for: Contamination | None, path: Path | None) -> dict[str, Any] | None:
    if looked_for is None or looked_for.index is None or path is None:
        return None
    told = {"tasks": looked_for.index.summary(), "thresholds": looked_for.settings()}
    return {"sha256": manifest.file_entry(path)["sha256"], **told}
