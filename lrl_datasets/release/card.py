"""The dataset card: YAML that the Hub and `datasets` read, and what a person should know, from a template.

The YAML is made here, since it must be exact; the sentences stand in `cards/dataset_card.md.j2`. Both follow from the
manifest and the rows alone (`facts`), so that `lrl verify` can render them again; `renderer` says whether it would
render as the package did that made a release.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from importlib.resources import files
from typing import Any

import jinja2
import pyarrow as pa
import pyarrow.compute as pc
import yaml

from lrl_datasets import card_validator, languages, pseudonyms, schema
from lrl_datasets.crowd import acceptance, rubric
from lrl_datasets.languages import Language
from lrl_datasets.release import citation, manifest

_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))
_ORIGIN_TAGS = {
    "crowd": "crowdsourced",
    "native": "expert-generated",
    "templated": "found",
    "human_translated": "crowdsourced",
    "machine_translated": "machine-generated",
    "cross_lingual": "machine-generated",
}

METHOD_WORDS = {
    "native": "prompts and answers by native speakers, from the sources below.",
    "human_translated": "translated by people.",
    "machine_translated": "translated by machine; the wording is no native speaker's.",
    "cross_lingual": "written by a model from text in another language.",
    "templated": "a question and its short answer, put into a phrasing of the language file.",
}


@dataclass(frozen=True)
class Facts:
    """What the card says beyond the manifest."""

    title: str
    language: Language
    licenses: list[str]
    """Licences of the published rows, as the sources name them."""
    creation_methods: list[str]
    """Creation methods of the published rows."""
    agreement: dict[str, dict[str, Any]]
    """Krippendorff's alpha of each question with its interval, over its counted judgements."""
    counted: dict[str, int]
    """Counted judgements of each question."""
    example: dict[str, str]
    """One published example: `prompt` and `answer`; empty where nothing was published."""


def render(content: dict[str, Any], facts: Facts) -> str:
    """Render the card from the manifest's content and the facts.

    Raises
    ------
    ValueError
        The card breaks one of the Hub's rules: a defect of the template or of a language file.
    """
    content = _ordered(content)
    body = _compiled(_template()).render(
        manifest=content, facts=facts, reasons=schema.REASONS, judgement_reasons=schema.JUDGEMENT_REASONS,
        configs=schema.CONFIGS, method_words=METHOD_WORDS, bibtex=citation.bibtex(content, facts.title),
        leak_checked=manifest.leak_checked(content), harm=_harm(content),
        harm_means=_harm_means(_harm(content)),
        public_key=content["pseudonym_key"] == pseudonyms.fingerprint(pseudonyms.SAMPLE_KEY),
    )  # fmt: skip
    header = yaml.safe_dump(metadata(content, facts), sort_keys=False, allow_unicode=True, width=1000)
    text = f"---\n{header}---\n\n{body}"
    if problems := card_validator.problems(text):
        raise ValueError("the card breaks the Hub's rules: " + "; ".join(problems))
    return text


def facts(content: Mapping[str, Any], configs: Mapping[str, Mapping[str, pa.Table]]) -> Facts:
    """Return what the card says beyond the manifest, from the rows.

    Parameters
    ----------
    content
        The manifest, with `title`.
    configs
        Config → split → rows.
    """
    columns = ["id", "license", "creation_method", "messages"]
    published = pa.concat_tables(
        [table.select(columns) for table in configs.get("default", {}).values()]
        or [schema.SFT.empty_table().select(columns)]
    )
    example: dict[str, str] = {}
    if published.num_rows:
        first = pc.index(published["id"], pc.min(published["id"]))
        messages = published["messages"][first.as_py()].as_py()
        example = {"prompt": messages[0]["content"], "answer": messages[-1]["content"]}
    votes = [table.filter(table["counted"]) for table in configs.get("annotations", {}).values()]
    return Facts(
        title=content["title"],
        language=languages.load(content["language"]["code"]),
        licenses=sorted({*pc.unique(published["license"]).to_pylist()} - {None}),
        creation_methods=sorted(pc.unique(published["creation_method"]).to_pylist()),
        agreement={name: _agreement(found) for name, found in sorted(content["agreement"].items())},
        counted=Counter(question for table in votes for question in table["question"].to_pylist()),
        example=example,
    )


def renderer() -> str:
    """Hash what makes card and citation of a manifest and rows: template, words, code, and what writes the YAML."""
    package = files("lrl_datasets")
    code = [
        package.joinpath(*name.split("/")).read_text(encoding="utf-8")
        for name in ("release/card.py", "release/citation.py", "release/manifest.py", "schema.py")
    ]
    return schema.digest(_template(), *code, *(version(tool) for tool in ("datasets", "jinja2", "PyYAML")))


def metadata(content: dict[str, Any], facts: Facts) -> dict[str, Any]:
    """Return the card's YAML as a dictionary, in the order in which it is written."""
    from datasets import Features

    configs = content["configs"]
    rows = sum(split["rows"] for split in configs.get("default", {}).values())
    dataset_info = []
    for config, splits in configs.items():
        dataset_info.append(
            {
                "config_name": config,
                "features": Features.from_arrow_schema(schema.CONFIGS[config])._to_yaml_list(),
                "splits": [
                    {"name": name, "num_bytes": split["bytes"], "num_examples": split["rows"]}
                    for name, split in splits.items()
                ],
                "download_size": sum(split["size"] for split in splits.values()),
                "dataset_size": sum(split["bytes"] for split in splits.values()),
            }
        )
    entries: list[dict[str, Any]] = []
    for config, splits in configs.items():
        entry: dict[str, Any] = {"config_name": config}
        if config == "default":
            entry["default"] = True
        # `datasets` keys its cache of a local folder on this entry and not on the files: without the hash a
        # folder rebuilt in place would load its old rows. (In `version` a hash is refused.)
        hashes = [split["sha256"] for split in splits.values()]
        entry["description"] = f"content {schema.digest(*hashes)}"
        entry["data_files"] = [{"split": name, "path": split["path"]} for name, split in splits.items()]
        entries.append(entry)
    methods = [_ORIGIN_TAGS[method] for method in facts.creation_methods]
    tags = [
        "lrl-datasets",
        "instruction-tuning",
        "low-resource-language",
        *(["sample"] if content["sample"] else []),
    ]
    return {
        "pretty_name": facts.title,
        "language": [facts.language.codes.hub],
        "license": sorted({name.lower() for name in facts.licenses}) or ["unknown"],
        "task_categories": ["text-generation"],
        "size_categories": [next((name for limit, name in _SIZES if rows < limit), "1M<n<10M")],
        "multilinguality": [
            "monolingual" if _languages(content) <= {facts.language.code} else "multilingual"
        ],
        "source_datasets": _source_datasets(content),
        "annotations_creators": ["crowdsourced"] if "annotations" in configs else ["no-annotation"],
        "language_creators": sorted(set(methods)) or ["other"],
        "tags": tags,
        "configs": entries,
        "dataset_info": dataset_info,
    }


def _ordered(content: dict[str, Any]) -> dict[str, Any]:
    """Put what is written in a row into a fixed order: a manifest that was read has its keys by the alphabet."""
    configs = {
        name: {split: content["configs"][name][split] for split in schema.SPLITS if split in splits}
        for name, splits in sorted(
            content["configs"].items(), key=lambda one: [*schema.CONFIGS].index(one[0])
        )
    }
    judged = content["judgements"]
    reasons = {
        name: judged["reasons"][name] for name in schema.JUDGEMENT_REASONS if name in judged["reasons"]
    }
    marks = content.get("rubric") or {}
    return content | {
        "aggregation": dict(sorted(content.get("aggregation", {}).items())),
        "comparisons": dict(sorted((content.get("comparisons") or {}).items())),
        "acceptance": dict(sorted(content.get("acceptance", {}).items())),
        "prediction": content.get("prediction"),
        "rubric": {name: marks[name] for name in rubric.CRITERIA if name in marks},
        "configs": configs,
        "sources": dict(sorted(content["sources"].items())),
        "judgements": judged | {"reasons": reasons},
    }


def _harm(content: dict[str, Any]) -> dict[str, Any]:
    """Return the settings of the filter that looked for harmful language, empty where none did."""
    filters = content.get("builder", {}).get("settings", {}).get("filters", {})
    return dict(filters.get("harm", {}))


def _harm_means(settings: dict[str, Any]) -> str:
    lists, model = settings.get("lists"), settings.get("model")
    means = [f"lists of words ({', '.join(lists)})"] if lists else []
    return " and ".join([*means, *([f"`{model['repo_id']}` @ `{model['revision'][:12]}`"] if model else [])])


def _agreement(found: Any) -> dict[str, Any]:
    """Return the agreement on a question; earlier releases have alpha alone."""
    if isinstance(found, dict):
        return found
    return {"alpha": found, "low": None, "high": None, "level": "nominal"}


def _languages(content: dict[str, Any]) -> set[str]:
    """Return the languages that the sources declare for prompts and answers."""
    named = (
        source.get(key) for source in content["sources"].values() for key in ("language", "prompt_language")
    )
    return {code for code in named if code}


def _source_datasets(content: dict[str, Any]) -> list[str]:
    """Name what the published rows come from, as the Hub and its Croissant do: `original`, or a dataset's id."""
    published = {
        name
        for name, counts in content["counts"]["by_source"].items()
        if any(counts.get(split) for split in schema.SPLITS)
    }
    repos = {
        source.get("repo") or "original" for name, source in content["sources"].items() if name in published
    }
    return sorted(repos) or ["original"]


@cache
def _compiled(template: str) -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.BaseLoader(), undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True,
        keep_trailing_newline=True, autoescape=False,  # noqa: S701 - Markdown, not HTML
    )  # fmt: skip
    environment.filters |= {"cell": _cell, "counted": _counted, "threshold": acceptance.words}
    return environment.from_string(template)


def _template() -> str:
    return files("lrl_datasets.cards").joinpath("dataset_card.md.j2").read_text(encoding="utf-8")


def _cell(text: str) -> str:
    """Make a text fit into one cell of a Markdown table."""
    return " ".join(str(text).split()).replace("|", "\\|")


def _counted(counts: dict[str, int]) -> str:
    """Write counts as a person would: `3 phone, 1 email`."""
    return ", ".join(f"{n} {what}" for what, n in counts.items())
