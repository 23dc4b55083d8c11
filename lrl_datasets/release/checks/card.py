"""Do the card and the citation say what the manifest and the rows say.

Both follow from manifest and rows alone. Where this package renders as the one that made the release they are rendered
again, and must be the same to the byte. A later template words it otherwise: then the numbers must be there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import yaml

from lrl_datasets import card_validator, languages, schema
from lrl_datasets.release import card as cards
from lrl_datasets.release import citation as citations
from lrl_datasets.release import manifest
from lrl_datasets.release.checks.base import Found, rows, text
from lrl_datasets.release.locations import Release

NAME = "README.md"


def card(release: Release) -> Found:
    """The card is valid by the Hub's rules, and what the manifest and the rows make, to the byte or in its numbers."""
    said = text(release, NAME)
    yield from card_validator.problems(said)
    data = yaml.safe_load(card_validator.front_matter(said) or "") or {}
    yield from _metadata(release, data)
    yield from _numbers(release, said)
    licences = {row["license"].lower() for row in rows(release, "default", "license") if row["license"]}
    if licences and set(data.get("license", [])) != licences:
        yield f"license is {data.get('license')}, the rows have {sorted(licences)}"
    tag = f'revision="v{release.manifest["version"]}"'
    if release.configs and tag not in said:
        yield f"the text does not show {tag}"
    for word, true in (("**SAMPLE.**", release.manifest["sample"]),
                       ("**NOT LEAK-CHECKED.**", not manifest.leak_checked(release.manifest))):  # fmt: skip
        if (word in said) != true:
            yield (
                f"{word} stands on the card and should not" if not true else f"{word} is missing on the card"
            )
    if _renders_alike(release):
        facts = cards.facts(release.manifest, release.configs)
        yield from _same(NAME, said, cards.render(release.manifest, facts))


def citation(release: Release) -> Found:
    """CITATION.cff has the keys of the Citation File Format, and is what the manifest and the rows make."""
    if citations.NAME not in release.manifest["files"]:
        yield f"{citations.NAME} is not in the manifest"
        return
    said = text(release, citations.NAME)
    problems = list(citations.problems(said, release.manifest))
    yield from problems
    if "title" not in release.manifest or any("no YAML" in one or "not a mapping" in one for one in problems):
        return
    facts = cards.facts(release.manifest, release.configs)
    given = (facts.title, facts.language.names.english, facts.licenses)
    data = yaml.safe_load(said)
    for name, expected in citations.entries(release.manifest, *given).items():
        # What is wrong by itself was named; how it is worded is a matter of the package that made it.
        if name in ("title", "license", "authors") and data.get(name) and data[name] != expected:
            yield f"{name} is not what the manifest and the rows say"
    if _renders_alike(release):
        yield from _same(citations.NAME, said, citations.render(release.manifest, *given))


def _renders_alike(release: Release) -> bool:
    told = release.manifest.get("language", {})
    return release.manifest.get("renderer") == cards.renderer() and told.get("sha256") == languages.sha256(
        told["code"]
    )


def _same(name: str, said: str, expected: str) -> Iterator[str]:
    if said != expected:
        lines = zip([*said.splitlines(), ""], [*expected.splitlines(), ""], strict=False)
        at = next((at for at, (one, other) in enumerate(lines, start=1) if one != other), 1)
        yield f"{name} is not what the manifest and the rows make: they differ from line {at} on"


def _metadata(release: Release, data: dict[str, Any]) -> Found:
    from datasets import Features

    infos = {info["config_name"]: info for info in data.get("dataset_info", [])}
    named = {entry["config_name"]: entry for entry in data.get("configs", [])}
    for config in sorted({*infos, *named, *release.configs}):
        splits = release.configs.get(config, {})
        entries = release.manifest["configs"].get(config, {})
        if config not in infos or config not in named or not splits:
            yield f"config {config} is not both on the card and in the release"
            continue
        paths = {one["split"]: one["path"] for one in named[config]["data_files"]}
        counted = {one["name"]: one["num_examples"] for one in infos[config]["splits"]}
        size = sum(entry["size"] for entry in entries.values())
        features = Features.from_arrow_schema(next(iter(splits.values())).schema)._to_yaml_list()
        for what, said, found in (
            ("data_files", paths, {split: entry["path"] for split, entry in entries.items()}),
            ("num_examples", counted, {split: table.num_rows for split, table in splits.items()}),
            ("download_size", infos[config].get("download_size"), size),
            ("features", infos[config].get("features"), features),
        ):
            if said != found:
                yield f"config {config}: {what} is {said}, the files have {found}"


def _numbers(release: Release, said: str) -> Found:
    """Each line of a table has its cells in this order, whatever else stands between them."""
    content = release.manifest
    table = [
        [cell.strip().strip("`") for cell in line.strip("| ").split("|")]
        for line in said.splitlines()
        if line.startswith("|")
    ]
    for config, splits in release.configs.items():
        for split, found in splits.items():
            if not _has(table, config, split, found.num_rows):
                yield f"the table of configs lacks {config}/{split} with {found.num_rows} rows"
    for name, source in content["sources"].items():
        counts = content["counts"]["by_source"].get(name, {})
        kept, gone = sum(counts.get(split, 0) for split in schema.SPLITS), counts.get("withdrawn", 0)
        total = sum(counts.values())
        if not _has(table, name, total, kept, total - kept - gone, gone, source.get("license"), start=True):
            yield f"the table of sources lacks {name} with its counts and licence"
    for step in content["counts"]["funnel"]:
        if not _has(table, step["filter"], step["reason"], step["rows"]):
            yield f"the funnel lacks {step['reason']} with {step['rows']} rows"
    judged = content["judgements"]
    if judged["judgements"]:
        for what in ("judgements", "counted", "withdrawn"):
            if not any(row[-1] == str(judged[what]) for row in table if len(row) == 2):
                yield f"the table of judgements lacks {judged[what]} {what}"
        for reason, n in judged["reasons"].items():
            if not any(f"`{reason}" in row[0] and row[-1] == str(n) for row in table if len(row) == 2):
                yield f"the table of judgements lacks {n} {reason}"
    for name, found in content.get("agreement", {}).items() if judged["judgements"] else ():
        alpha = found["alpha"] if isinstance(found, dict) else found  # earlier releases have alpha alone
        if alpha is not None and not re.search(rf"(?<![\d.]){re.escape(f'{alpha:.2f}')}(?!\d)", said):
            yield f"the agreement on {name}, {alpha:.2f}, is not on the card"
    for entry in content.get("changelog") or ():
        cells = [entry[what] for what in ("rows", "added", "removed", "withdrawn", "changed", "metadata")]
        if not _has(table, entry["version"], *cells, start=True):
            yield f"the table of versions lacks {entry['version']} with its counts"
        if entry.get("superseded_by") and not re.search(
            rf"Deprecated:.*\bv{re.escape(entry['version'])}\b", said
        ):
            yield f"v{entry['version']} is deprecated, and the card does not say so"


def _has(table: list[list[str]], *cells: object, start: bool = False) -> bool:
    """Whether a line has these cells in this order; `start`: the first one may go on."""
    wanted = [str(cell) for cell in cells]
    return any(_is(line, wanted, start) for line in table)


def _is(line: list[str], wanted: list[str], start: bool) -> bool:
    left = iter(line)
    return all(
        any(cell == one or (start and at == 0 and cell.startswith(f"{one} ")) for cell in left)
        for at, one in enumerate(wanted)
    )
