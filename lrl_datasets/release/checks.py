"""What `lrl verify` checks in the rows of a release; each check yields what it found wrong, a sentence each.

A check takes a `locations.Release` and looks at what was published and at what the manifest declares, never at
the inputs: whoever downloads a release can run it. Findings name rows by id and never repeat a text.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from lrl_datasets import languages, schema
from lrl_datasets.crowd import aggregation, join
from lrl_datasets.errors import LrlError
from lrl_datasets.filters.identity import content_hash
from lrl_datasets.filters.personal_data import mask_text
from lrl_datasets.release.locations import Release
from lrl_datasets.release.splits import prompt_key

Found = Iterator[str]

_ID = re.compile(r"[0-9a-f]{24}")
_PSEUDONYM = re.compile(r"[0-9a-f]{16}")
_LANGUAGE = re.compile(r"[a-z]{3}_[A-Z][a-z]{3}")
_KINDS = {None, "votes", "calibrated", "predicted"}
_DECIMALS = aggregation.DECIMALS


def ids(release: Release) -> Found:
    """Every id is one, unique over the configs, and in the split map; pairs name rows that are there."""
    seen: Counter[str] = Counter()
    for config in ("default", "rejected", "preference"):
        seen.update(row["id"] for row in _rows(release, config, "id"))
    for identity, n in seen.items():
        if n > 1:
            yield f"id {identity} stands {n} times"
        if identity is None or not _ID.fullmatch(identity):
            yield f"{identity!r} is no id"
    records = Counter(row["id"] for row in _records(release, "id"))
    mapped = Counter(release.split_map["id"].to_pylist())
    yield from (f"record {name} is not in the split map" for name in sorted(records.keys() - mapped.keys()))
    # The split map also keeps the records of earlier versions, which may come back.
    if not release.manifest.get("previous"):
        yield from (f"record {name} is in no config" for name in sorted(mapped.keys() - records.keys()))
    yield from (
        f"record {identity} stands {n} times in the split map" for identity, n in mapped.items() if n > 1
    )

    texts = {row["id"]: row for row in _records(release, "id", "messages", "helpfulness")}
    published = {row["id"] for row in _rows(release, "default", "id")}
    names = ("id", "chosen", "rejected", "margin", "chosen_id", "rejected_id")
    for pair in _rows(release, "preference", *names):
        chosen, rejected = texts.get(pair["chosen_id"]), texts.get(pair["rejected_id"])
        if chosen is None or rejected is None or pair["chosen_id"] not in published:
            yield f"pair {pair['id']} names a row that is not there"
        elif (chosen["messages"], rejected["messages"]) != (pair["chosen"], pair["rejected"]):
            yield f"pair {pair['id']} has other texts than the rows it names"
        elif pair["margin"] != round(
            (chosen["helpfulness"] or 0) - (rejected["helpfulness"] or 0), _DECIMALS
        ):
            yield f"pair {pair['id']}: margin is not the difference of helpfulness"


def closed_sets(release: Release) -> Found:
    """Reasons, filters, creation methods, kinds of helpfulness and languages are known ones."""
    for row in _records(release, "id", "creation_method", "language", "prompt_language", "helpfulness_kind"):
        if row["creation_method"] not in schema.CREATION_METHODS:
            yield f"row {row['id']}: unknown creation method {row['creation_method']!r}"
        if row["helpfulness_kind"] not in _KINDS:
            yield f"row {row['id']}: unknown helpfulness_kind {row['helpfulness_kind']!r}"
        for name in ("language", "prompt_language"):
            if not _known_language(row[name]):
                yield f"row {row['id']}: {name} {row[name]!r} is no language code like swh_Latn"
    for row in _rows(release, "rejected", "id", "reason", "filter"):
        if row["reason"] not in schema.REASONS:
            yield f"row {row['id']}: unknown reason {row['reason']!r}"
        if row["filter"] not in schema.FILTER_ORDER:
            yield f"row {row['id']}: unknown filter {row['filter']!r}"
    for row in _rows(release, "annotations", "answer_id", "counted", "reason"):
        if row["reason"] not in {None, *schema.JUDGEMENT_REASONS}:
            yield f"a judgement of {row['answer_id']}: unknown reason {row['reason']!r}"
        if row["counted"] != (row["reason"] is None):
            yield f"a judgement of {row['answer_id']} counts and has a reason why not, or neither"


def content_hashes(release: Release) -> Found:
    """`content_hash` is the hash of the row's messages."""
    for row in _records(release, "id", "messages", "content_hash"):
        if row["messages"] is not None and content_hash(row["messages"]) != row["content_hash"]:
            yield f"row {row['id']}: content_hash is not that of its messages"


def helpfulness(release: Release) -> Found:
    """`helpfulness`, `n_votes` and `agreement` follow from the published votes and golden tasks."""
    names = ("id", "source", "helpfulness", "n_votes", "agreement", "helpfulness_kind")
    rows = _records(release, *names)
    votes = release.rows("annotations")
    expected: dict[str, dict[str, Any]] = {}
    kinds: dict[str, str] = {}
    for name, source in release.manifest["sources"].items():
        stages = [stage for stage in source.get("stages", []) if stage["kind"] == "judgement"]
        stage = join.helpfulness_stage(name, stages)
        if stage is None or votes is None:
            continue
        # A control task that is no candidate names no row, so no source; its worker's pseudonym is the source's.
        of_source = pa.array([row["id"] for row in rows if row["source"] == name], pa.string())
        about = pc.is_in(votes["answer_id"], of_source)
        theirs = pc.is_in(votes["worker"], votes.filter(about)["worker"].combine_chunks())
        golden = pc.fill_null(pc.equal(votes["reason"], "golden"), False)
        about = pc.or_(about, pc.and_(golden, theirs))
        weighed = join.weigh(votes.filter(about), stage)
        kinds[name] = weighed.kind
        posterior = weighed.table
        expected |= {row["answer_id"]: row for row in posterior.to_pylist()}
    for row in rows:
        judged = expected.get(row["id"], {})
        # A predicted helpfulness is no function of the shipped votes; their number still is.
        compared = ["n_votes", "agreement"]
        if row["helpfulness_kind"] != "predicted":
            compared.append("helpfulness")
            kind = kinds.get(row["source"]) if judged else None
            if row["helpfulness_kind"] != kind and row["helpfulness_kind"] in _KINDS:
                yield f"row {row['id']}: helpfulness_kind is {row['helpfulness_kind']}, its votes give {kind}"
        for name in compared:
            if _rounded(row[name]) != _rounded(judged.get(name)):
                yield f"row {row['id']}: {name} is {row[name]}, its votes give {judged.get(name)}"
    known = {row["id"] for row in rows}
    for row in _rows(release, "annotations", "answer_id", "counted"):
        if row["counted"] and row["answer_id"] not in known:
            yield f"a judgement of {row['answer_id']} counts, and there is no such row"


def thresholds(release: Release) -> Found:
    """No published row is below the helpfulness that the manifest says the builder asks for."""
    filters = release.manifest.get("builder", {}).get("settings", {}).get("filters", {})
    minimum = filters.get("helpfulness", {}).get("minimum")
    for row in _rows(release, "default", "id", "helpfulness") if minimum is not None else ():
        if row["helpfulness"] is not None and row["helpfulness"] < minimum:
            yield f"row {row['id']} is published with helpfulness {row['helpfulness']}, below {minimum}"


def splits(release: Release) -> Found:
    """One split a group over all configs, as in the split map; relatives in one group; only people held out."""
    split_of = dict(
        zip(release.split_map["id"].to_pylist(), release.split_map["split"].to_pylist(), strict=True)
    )
    by_group: dict[str, set[str]] = defaultdict(set)
    may_hold_out = {name: source.get("may_hold_out") for name, source in release.manifest["sources"].items()}
    for config, key in (("default", "id"), ("preference", "chosen_id")):
        names = (key, "split", "group", "creation_method", "source")
        for row in _rows(release, config, *names):
            by_group[row["group"]].add(row["split"])
            if split_of.get(row[key]) != row["split"]:
                yield f"{config} row {row[key]} is in {row['split']}, the split map says {split_of.get(row[key])}"
            if row["split"] != "train" and row["creation_method"] not in schema.HUMAN_ORIGIN:
                yield f"{config} row {row[key]} is held out and {row['creation_method']}, not written by people"
            if row["split"] != "train" and may_hold_out.get(row["source"]) is False:
                yield f"{config} row {row[key]} is held out, and nothing of source {row['source']} may be"
    for group, found in sorted(by_group.items()):
        if len(found) > 1:
            yield f"group {group} is in {' and '.join(sorted(found))}"

    linked: dict[tuple[str, str], set[str]] = defaultdict(set)
    for row in _records(release, "id", "cluster", "group", "lineage", "messages"):
        linked["cluster", row["cluster"]].add(row["group"])
        for original in row["lineage"] or ():
            linked["original", original].add(row["group"])
        if key := prompt_key(row["messages"]):
            linked["prompt", schema.digest(key)].add(row["group"])
    for (what, name), groups in linked.items():
        if len(groups) > 1:
            yield f"{what} {name} is in {len(groups)} groups: {', '.join(sorted(groups)[:3])}"
    clusters = Counter(row["cluster"] for row in _rows(release, "default", "cluster"))
    yield from (f"cluster {name} has {n} published rows" for name, n in clusters.items() if n > 1)


def ledgers(release: Release) -> Found:
    """The manifest's counts are those of the rows."""
    counts, judged = release.manifest["counts"], release.manifest["judgements"]
    default, rejected = (list(_rows(release, name, "source", "split")) for name in ("default", "rejected"))
    refused = list(_rows(release, "rejected", "source", "filter", "reason"))
    by_source: dict[str, Counter[str]] = defaultdict(Counter)
    for row in default:
        by_source[row["source"]][row["split"]] += 1
    for row in refused:
        by_source[row["source"]][row["reason"]] += 1
    told = {
        name: {what: n for what, n in counter.items() if what != "withdrawn"}
        for name, counter in counts["by_source"].items()
    }
    votes = list(_rows(release, "annotations", "counted", "reason", "worker"))
    reasons = Counter(row["reason"] for row in votes if row["reason"] is not None)
    total = counts["published"] + counts["rejected"] + counts["withdrawn"]
    of_votes = judged["counted"] + judged["not_counted"] + judged["withdrawn"]
    for what, said, found in (
        ("records", counts["records"], total),
        ("published", counts["published"], len(default)),
        ("rejected", counts["rejected"], len(rejected)),
        (
            "funnel",
            {(step["filter"], step["reason"]): step["rows"] for step in counts["funnel"]},
            dict(Counter((row["filter"], row["reason"]) for row in refused)),
        ),
        ("by_source", {k: v for k, v in told.items() if v}, {k: dict(v) for k, v in by_source.items()}),
        ("judgements", judged["judgements"], of_votes),
        ("judgements counted", judged["counted"], sum(row["counted"] for row in votes)),
        ("judgements not counted", judged["not_counted"], sum(not row["counted"] for row in votes)),
        ("reasons of judgements", judged["reasons"], dict(reasons)),
        ("workers", judged["workers"], len({row["worker"] for row in votes} - {None})),
    ):
        if said != found:
            yield f"{what}: the manifest says {said}, the rows {found}"


def licences(release: Release) -> Found:
    """Every published row names its licence."""
    for config in ("default", "preference"):
        for row in _rows(release, config, "id", "license"):
            if not (row["license"] or "").strip():
                yield f"{config} row {row['id']} has no licence"


def people(release: Release) -> Found:
    """Annotators and workers appear under pseudonyms, a campaign's records under keyed ids alone."""
    for row in _records(release, "id", "annotator"):
        if row["annotator"] is not None and not _PSEUDONYM.fullmatch(row["annotator"]):
            yield f"row {row['id']}: annotator is no pseudonym (16 hex digits)"
    for row in _rows(release, "annotations", "answer_id", "worker"):
        if row["worker"] is not None and not _PSEUDONYM.fullmatch(row["worker"]):
            yield f"a judgement of {row['answer_id']}: worker is no pseudonym (16 hex digits)"
    campaigns = {name for name, source in release.manifest["sources"].items() if source.get("stages")}
    for row in _records(release, "id", "source", "source_id"):
        if row["source"] in campaigns and row["source_id"] != row["id"]:
            yield f"row {row['id']}: source_id of a campaign's record is not its keyed id"
    keyless = release.manifest.get("pseudonym_key") is None
    if keyless and any(row["annotator"] for row in _records(release, "annotator")):
        yield "there are annotators, and the manifest names no pseudonym key"


def personal_data(release: Release) -> Found:
    """No published text holds an email address or a phone number of the language's countries."""
    facts = languages.load(release.manifest["language"]["code"]).personal_data
    settings = release.manifest.get("builder", {}).get("settings", {}).get("filters", {})
    declared = settings.get("personal_data", {})
    regions = (*facts.phone_regions, *declared.get("regions", ()))
    cues = (*facts.phone_cues, *declared.get("cues", ()))
    regions, cues = tuple(dict.fromkeys(regions)), tuple(dict.fromkeys(cues))
    columns = {"default": ["messages"], "rejected": ["messages"], "preference": ["chosen", "rejected"]}
    seen: dict[str, list[str]] = {}
    for config, names in columns.items():
        for row in _rows(release, config, "id", *names):
            for text in (turn["content"] or "" for name in names for turn in row[name] or ()):
                if text not in seen:
                    seen[text] = mask_text(text, regions, cues)[1]
                if seen[text]:
                    yield f"{config} row {row['id']}: unmasked {', '.join(seen[text])}"


def leaks(release: Release) -> Found:
    """A row refused as a leak of the evaluation suite is published without its messages."""
    for row in _rows(release, "rejected", "id", "reason", "messages"):
        if row["reason"] == "suite_leak" and row["messages"] is not None:
            yield f"row {row['id']} is a suite leak and has its messages"


# ---- helpers --------------------------------------------------------------------------------------------


def _rows(release: Release, config: str, *names: str) -> list[dict[str, Any]]:
    table = release.rows(config)
    if table is None:
        return []
    return table.select([name for name in names if name in table.column_names]).to_pylist()  # type: ignore[no-any-return]


def _records(release: Release, *names: str) -> list[dict[str, Any]]:
    return _rows(release, "default", *names) + _rows(release, "rejected", *names)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, _DECIMALS)


def _known_language(code: str | None) -> bool:
    if code is None or not _LANGUAGE.fullmatch(code):
        return False
    try:
        return languages.load(code).code == code
    except LrlError:
        import langcodes

        return langcodes.tag_is_valid(code.replace("_", "-"))  # type: ignore[no-any-return]
