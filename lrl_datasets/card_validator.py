"""The Hub's rules for the YAML at the head of a card, checked without the Hub.

Takes a card's text and says what the Hub would refuse (errors) and what it would warn of or what would not
load (warnings). The local Hub answers `validate-yaml` with it; a release with any finding is not published.

Where the rules come from: huggingface/hub-docs `datasetcard.md` and `docs/hub/repositories-licenses.md` (the
list that the Hub derives its own from), the task names of huggingface.js, and what datasets 5 reads from
`configs` and `dataset_info`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

LICENSES = frozenset(
    """
    apache-2.0 mit openrail bigscience-openrail-m creativeml-openrail-m bigscience-bloom-rail-1.0
    bigcode-openrail-m afl-3.0 artistic-2.0 bsl-1.0 bsd bsd-2-clause bsd-3-clause bsd-3-clause-clear c-uda cc
    cc0-1.0 cc-by-2.0 cc-by-2.5 cc-by-3.0 cc-by-4.0 cc-by-sa-3.0 cc-by-sa-4.0 cc-by-nc-2.0 cc-by-nc-3.0
    cc-by-nc-4.0 cc-by-nd-4.0 cc-by-nc-nd-3.0 cc-by-nc-nd-4.0 cc-by-nc-sa-2.0 cc-by-nc-sa-3.0 cc-by-nc-sa-4.0
    cdla-sharing-1.0 cdla-permissive-1.0 cdla-permissive-2.0 wtfpl ecl-2.0 epl-1.0 epl-2.0 etalab-2.0 eupl-1.1
    eupl-1.2 agpl-3.0 gfdl gpl gpl-2.0 gpl-3.0 lgpl lgpl-2.1 lgpl-3.0 isc h-research intel-research lppl-1.3c
    ms-pl apple-ascl apple-amlr mpl-2.0 odc-by odbl openmdw-1.0 openrail++ osl-3.0 postgresql ofl-1.1 ncsa
    unlicense zlib pddl lgpl-lr deepfloyd-if-license fair-noncommercial-research-license llama2 llama3
    llama3.1 llama3.2 llama3.3 llama4 grok2-community gemma unknown other
    """.split()  # noqa: SIM905 — readable as a list of words
)
TASK_CATEGORIES = frozenset(
    """
    text-classification token-classification table-question-answering question-answering
    zero-shot-classification translation summarization feature-extraction text-generation fill-mask
    sentence-similarity text-to-speech text-to-audio automatic-speech-recognition audio-to-audio
    audio-classification audio-text-to-text voice-activity-detection depth-estimation image-classification
    object-detection image-segmentation text-to-image image-to-text image-to-image image-to-video
    unconditional-image-generation video-classification reinforcement-learning robotics
    tabular-classification tabular-regression tabular-to-text table-to-text multiple-choice text-ranking
    text-retrieval time-series-forecasting text-to-video image-text-to-text image-text-to-image
    image-text-to-video visual-question-answering document-question-answering zero-shot-image-classification
    graph-ml mask-generation zero-shot-object-detection text-to-3d image-to-3d image-feature-extraction
    video-text-to-text video-to-video keypoint-detection visual-document-retrieval any-to-any other
    """.split()  # noqa: SIM905 — readable as a list of words
)
SIZE_CATEGORIES = (
    "n<1K", "1K<n<10K", "10K<n<100K", "100K<n<1M", "1M<n<10M", "10M<n<100M", "100M<n<1B", "1B<n<10B",
    "10B<n<100B", "100B<n<1T", "n>1T",
)  # fmt: skip

MAX_FRONT = 1 << 20
"""Characters of front matter that are read, aliases counted as what they stand for."""
MAX_VALUES, MAX_DEPTH = 50_000, 100
"""Keys and values of front matter, and levels, likewise: the largest cards of the Hub stay well below."""

_SPLIT = re.compile(r"\w+(\.\w+)*")
_CONFIG = re.compile(r'[^<>:/\\|?*"]+')
_NO_LANGUAGE = ("code", "multilingual")


class UnreadableCard(ValueError):
    """Front matter that is no YAML, or more than anybody can use; says why in a sentence."""


@dataclass
class Findings:
    """What is wrong with a card, each a sentence that names the field."""

    errors: list[str] = field(default_factory=list)
    """The Hub refuses the commit."""
    warnings: list[str] = field(default_factory=list)
    """The Hub takes it, but shows a warning, or `load_dataset` would stumble."""


def problems(card_text: str) -> list[str]:
    """Return everything that is wrong with a dataset card, errors first; an empty list is a good card."""
    found = check(card_text)
    return found.errors + found.warnings


def check(card_text: str, repo_type: str = "dataset") -> Findings:
    """Check a card's YAML.

    Parameters
    ----------
    card_text
        The whole README.md.
    repo_type
        `dataset` or `model`; `configs`, `dataset_info`, sizes and task categories are a dataset's only.
    """
    found = Findings()
    front = front_matter(card_text)
    if front is None or not front.strip():
        found.warnings.append("empty or missing yaml metadata in repo card")
        return found
    try:
        data = read(front)
    except UnreadableCard as problem:
        found.errors.append(str(problem))
        return found
    if not isinstance(data, dict):
        found.errors.append("the metadata must be a mapping of names to values")
        return found
    found.errors += [*_license(data), *_language(data), *_lists_of_strings(data)]
    if repo_type == "dataset":
        found.errors += _configs(data)
        found.warnings += [*_vocabulary(data), *_dataset_info(data)]
    return found


def read(front: str) -> Any:
    """Return what front matter says; its size, also with every alias written out, is bounded.

    Raises
    ------
    UnreadableCard
        It is no YAML, gives a key twice, or is too large, too deep, or contains itself.
    """
    if len(front) > MAX_FRONT:
        raise UnreadableCard(f"the metadata has more than {MAX_FRONT} characters")
    try:
        _measure(front)
        return yaml.load(front, Loader=_UniqueKeys)  # noqa: S506 — a SafeLoader
    except yaml.YAMLError as problem:
        mark = getattr(problem, "problem_mark", None)
        where = f" in line {mark.line + 2}" if mark is not None else ""
        raise UnreadableCard(f"YAML{where}: {getattr(problem, 'problem', None) or problem}") from None
    except UnreadableCard:
        raise
    except (ValueError, OverflowError) as problem:  # a date such as 2026-13-40
        raise UnreadableCard(f"YAML: {problem}") from None


def front_matter(card_text: str) -> str | None:
    """Return the YAML between the first two `---` lines, None where the card has none."""
    found = re.match(
        r"\ufeff?\s*---[ \t]*\r?\n(.*?)(?:\r?\n)?^---[ \t]*(?:\r?\n|\Z)", card_text, re.DOTALL | re.MULTILINE
    )
    return found.group(1) if found else None


def _license(data: dict[str, Any]) -> Iterator[str]:
    given = data.get("license")
    if given is None:
        return
    values = _distinct(given)
    for value in values:
        if not isinstance(value, str) or value not in LICENSES:
            yield f'"license" must be an identifier of the Hub\'s list or `other`, not {value!r}'
    if "other" in values and not isinstance(data.get("license_name"), str):
        yield '"license_name" is required with `license: other`'


def _language(data: dict[str, Any]) -> Iterator[str]:
    given = data.get("language")
    if given is None:
        return
    import langcodes

    for value in _distinct(given):
        if value is False:
            yield '"language": `no` is YAML for false; write "no" in quotes'
        elif not isinstance(value, str) or (
            value not in _NO_LANGUAGE
            and not (re.fullmatch("[a-z]{2,3}", value) and langcodes.tag_is_valid(value))
        ):
            yield (
                f'"language" must be ISO 639-1, -2 or -3 codes in lower case, or `code` or `multilingual`, '
                f"not {value!r} (BCP-47 tags go to `language_bcp47`)"
            )


def _distinct(given: object) -> list[object]:
    """Return the values of a list, or the one that stands alone, each once."""
    values = given if isinstance(given, list) else [given]
    return list({(type(value), repr(value)): value for value in values}.values())


def _lists_of_strings(data: dict[str, Any]) -> Iterator[str]:
    for name in ("tags", "task_categories", "task_ids", "size_categories", "annotations_creators",
                 "language_creators", "multilinguality", "source_datasets", "language_bcp47"):  # fmt: skip
        given = data.get(name)
        if given is None:
            continue
        values = given if isinstance(given, list) else [given]
        if not all(isinstance(value, str) for value in values):
            yield f'"{name}" must be strings'
    for name in ("pretty_name", "license_name", "license_link"):
        if not isinstance(data.get(name, ""), str):
            yield f'"{name}" must be a string'


def _vocabulary(data: dict[str, Any]) -> Iterator[str]:
    known = (("task_categories", TASK_CATEGORIES), ("size_categories", SIZE_CATEGORIES))
    for name, vocabulary in known:
        given = data.get(name) or []
        for value in _distinct(given):
            if isinstance(value, str) and value not in vocabulary:
                yield f'"{name}": {value!r} is not in the official list'


def _configs(data: dict[str, Any]) -> Iterator[str]:
    configs = data.get("configs")
    if configs is None:
        return
    if not isinstance(configs, list):
        yield '"configs" must be a list'
        return
    names: set[str] = set()
    for position, config in enumerate(configs):
        where = f'"configs[{position}]"'
        if not isinstance(config, dict):
            yield f"{where} must be a mapping"
            continue
        name = config.get("config_name")
        if not isinstance(name, str) or not _CONFIG.fullmatch(name):
            yield f'{where}: `config_name` must be a name without any of <>:/\\|?*"'
        elif name in names:
            yield f"{where}: config {name!r} is named twice"
        else:
            names.add(name)
        if "data_files" not in config and "data_dir" not in config:
            yield f"{where} needs `data_files` or `data_dir`"
        elif "data_files" in config:
            yield from _data_files(where, config["data_files"])
    if sum(config.get("default") is True for config in configs if isinstance(config, dict)) > 1:
        yield '"configs": only one may be the default'


def _data_files(where: str, files: object) -> Iterator[str]:
    if isinstance(files, str):
        return
    if not isinstance(files, list) or not files:
        yield f"{where}: `data_files` must be a path or a list that is not empty"
        return
    splits: set[str] = set()
    for item in files:
        if isinstance(item, str):
            continue
        if not isinstance(item, dict) or set(item) != {"split", "path"}:
            yield f"{where}: an entry of `data_files` is a path, or has `split` and `path` and nothing else"
            continue
        split, path = item["split"], item["path"]
        if not isinstance(split, str) or not _SPLIT.fullmatch(split):
            yield f"{where}: {split!r} cannot be a split's name"
        elif split in splits:
            yield f"{where}: split {split!r} is named twice"
        else:
            splits.add(split)
        paths = path if isinstance(path, list) else [path]
        if not paths or not all(isinstance(one, str) and one for one in paths):
            yield f"{where}: `path` of split {split!r} must be a path or a list of paths"


def _dataset_info(data: dict[str, Any]) -> Iterator[str]:
    infos = data.get("dataset_info")
    if infos is None:
        return
    listed = infos if isinstance(infos, list) else [infos]
    splits = _splits_by_config(data)
    seen: set[str] = set()
    for info in listed:
        if not isinstance(info, dict):
            yield '"dataset_info" must be a mapping or a list of mappings'
            continue
        name = str(info.get("config_name", "default"))
        where = f'"dataset_info" of config {name!r}'
        if name in seen:
            yield f"{where} is there twice"
        seen.add(name)
        if splits and name not in splits:
            yield f"{where}: `configs` has no such config"
        if "features" in info:
            yield from _features(where, info["features"])
        given = info.get("splits", [])
        if not isinstance(given, list) or not all(
            isinstance(split, dict)
            and isinstance(split.get("name"), str)
            and all(isinstance(split.get(count, 0), int) for count in ("num_bytes", "num_examples"))
            for split in given
        ):
            yield f"{where}: `splits` must be a list of `name`, `num_bytes`, `num_examples`"
        elif given and splits.get(name) and {split["name"] for split in given} != splits[name]:
            # load_dataset compares the two and refuses the dataset where they differ.
            yield f"{where}: splits differ from those in `configs`"


def _splits_by_config(data: dict[str, Any]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    configs = data.get("configs")
    for config in configs if isinstance(configs, list) else []:
        if isinstance(config, dict) and isinstance(config.get("config_name"), str):
            files = config.get("data_files")
            items = [item for item in files if isinstance(item, dict)] if isinstance(files, list) else []
            found[config["config_name"]] = {str(item.get("split")) for item in items}
    return found


def _features(where: str, features: object) -> Iterator[str]:
    if not isinstance(features, list):
        yield f"{where}: `features` must be a list"
        return
    names: set[str] = set()
    for feature in features:
        if not isinstance(feature, dict) or not isinstance(feature.get("name"), str):
            yield f"{where}: every feature needs a `name`"
            continue
        name = feature["name"]
        if name in names:
            yield f"{where}: feature {name!r} is there twice"
        names.add(name)
        kinds = [key for key in ("dtype", "list", "sequence", "struct") if key in feature]
        if len(kinds) != 1:
            yield f"{where}: feature {name!r} needs one of `dtype`, `list`, `sequence`, `struct`"
            continue
        inner = feature[kinds[0]]
        if kinds[0] == "struct" or (kinds[0] != "dtype" and isinstance(inner, list)):
            yield from _features(f"{where}, {name!r}", inner)
        elif not isinstance(inner, (str, dict)):
            yield f"{where}: `{kinds[0]}` of feature {name!r} must be a type's name or a mapping"


def _measure(front: str) -> None:
    """Refuse what is too large or too deep once its aliases are written out, before anything is built of it.

    A few lines of aliases of aliases stand for more than any memory holds ("a billion laughs").
    """
    known: dict[str, tuple[int, int, int]] = {}
    open_: list[tuple[str | None, list[int]]] = [(None, [0, 0, 0])]
    for event in yaml.parse(front, Loader=_Loader):
        match event:
            case yaml.AliasEvent():
                if any(anchor == event.anchor for anchor, _ in open_):
                    raise UnreadableCard(f"YAML: *{event.anchor} stands within itself")
                added = known.get(str(event.anchor), (1, 0, 1))
            case yaml.ScalarEvent():
                added = (1, len(event.value), 1)
                if event.anchor:
                    known[event.anchor] = added
            case yaml.CollectionStartEvent():
                open_.append((event.anchor, [1, 0, 1]))
                if len(open_) > MAX_DEPTH:
                    raise UnreadableCard(f"the metadata has more than {MAX_DEPTH} levels")
                continue
            case yaml.CollectionEndEvent():
                name, (values, characters, levels) = open_.pop()
                added = (values, characters, levels + 1)
                if name:
                    known[name] = added
            case _:
                continue
        total = open_[-1][1]
        total[:] = total[0] + added[0], total[1] + added[1], max(total[2], added[2])
        if total[0] > MAX_VALUES or total[1] > MAX_FRONT or total[2] + len(open_) > MAX_DEPTH:
            raise UnreadableCard(
                f"the metadata, its aliases written out, has more than {MAX_VALUES} values, {MAX_FRONT} characters "
                f"or {MAX_DEPTH} levels"
            )


# The parser in C is many times as fast and reads the same; not every build of PyYAML has it.
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _UniqueKeys(_Loader):  # type: ignore[misc]
    """A safe loader that refuses a key given twice, as the Hub's parser does, and numbers that nobody could write."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[object] = set()
        for key_node, _ in node.value:
            if isinstance(key_node, yaml.ScalarNode) and key_node.tag != "tag:yaml.org,2002:merge":
                if key_node.value in seen:
                    raise yaml.constructor.ConstructorError(
                        None, None, f"duplicated mapping key {key_node.value!r}", key_node.start_mark
                    )
                seen.add(key_node.value)
        made: dict[Any, Any] = super().construct_mapping(node, deep=deep)
        return made

    def construct_number(self, node: yaml.ScalarNode) -> int | float:
        """Read a number of a length that Python also writes."""
        if len(node.value) > 400:
            raise yaml.constructor.ConstructorError(
                None, None, f"a number of {len(node.value)} characters", node.start_mark
            )
        whole = node.tag == "tag:yaml.org,2002:int"
        number: int | float = self.construct_yaml_int(node) if whole else self.construct_yaml_float(node)
        return number


for _kind in ("int", "float"):
    _UniqueKeys.add_constructor(f"tag:yaml.org,2002:{_kind}", _UniqueKeys.construct_number)
