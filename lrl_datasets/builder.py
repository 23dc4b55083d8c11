"""What a script in `builders/` declares: one published dataset, its sources, its filters and their thresholds."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from lrl_datasets import languages, schema
from lrl_datasets.errors import LrlError
from lrl_datasets.filters.base import Filter
from lrl_datasets.filters.discriminator import table_file
from lrl_datasets.filters.language_id import LanguageId
from lrl_datasets.release import withdrawal
from lrl_datasets.release.splits import Splits
from lrl_datasets.sources.base import Source
from lrl_datasets.sources.campaign import Campaign


@dataclass(frozen=True)
class Builder:
    """One published dataset: what a script in `builders/` declares."""

    repository: str
    """Dataset id on the Hub, `namespace/name`."""
    title: str
    language: str
    """Code as in the language files, `swh_Latn`."""
    sources: tuple[Source, ...]
    filters: tuple[Filter, ...]
    """With their thresholds, in the order of `schema.FILTER_ORDER`."""
    splits: Splits
    preference_margin: float
    """Smallest difference of helpfulness between two answers that makes a preference pair."""
    comparison_margin: float = 0.2
    """The same of answers that were compared: of 2 p - 1, so .2 is a preference of 60 to 40. It is another scale than
    that of `preference_margin`: two posteriors near 1 hardly differ, however clearly people prefer one of the two."""
    sample: Path | None = None
    """The embedded campaign that `--sample` puts in the place of the sources."""

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[\w.-]+/[\w.-]+", self.repository):
            raise ValueError(f"repository must be namespace/name, not {self.repository!r}")
        names = [step.name for step in self.filters]
        order = [name for name in schema.FILTER_ORDER if name in names]
        if names != order or {"normalise", "personal_data"} - set(names):
            raise ValueError(f"filters must stand in the order of schema.FILTER_ORDER, with both "
                             f"normalise and personal_data: {names}")  # fmt: skip

    def with_language_table(self, path: Path) -> Builder:
        """Return this builder, its language identification with a table of `lrl lid fit`.

        Raises
        ------
        LrlError
            The builder identifies no languages, or the file is no table of its language.
        """
        steps = list(self.filters)
        for at, step in enumerate(steps):
            if isinstance(step, LanguageId):
                steps[at] = replace(step, table=table_file(path, languages.load(step.language).code))
                return replace(self, filters=tuple(steps))
        raise LrlError(f"{path}: {self.repository} has no filter LanguageId that could use a table")

    def with_filter(self, step: Filter) -> Builder:
        """Return the same builder with one more filter, at its place, or with it for the one of its name."""
        steps = {one.name: one for one in self.filters} | {step.name: step}
        return replace(self, filters=tuple(steps[name] for name in schema.FILTER_ORDER if name in steps))

    def settings(self) -> dict[str, Any]:
        """Return the thresholds as plain JSON, for the manifest."""
        settings = {
            "filters": {step.name: _settings(step) for step in self.filters},
            "splits": asdict(self.splits),
            "preference_margin": self.preference_margin,
            "comparison_margin": self.comparison_margin,
        }
        plain: dict[str, Any] = json.loads(json.dumps(settings, default=str))
        return plain

    def chosen(
        self, sample: bool, given: Mapping[str, Path], only: Collection[str]
    ) -> list[tuple[Source, Path | None]]:
        """Return the sources that a build reads, each with the files that replace it.

        Parameters
        ----------
        sample, given, only
            As in `build.build`.

        Raises
        ------
        LrlError
            There is no such source, file or sample, or the options contradict each other.
        """
        declared: dict[str, Source] = {source.name: source for source in self.sources}
        if sample:
            if self.sample is None:
                raise LrlError(f"{self.repository} has no embedded sample")
            if given or only:
                raise LrlError("--sample reads the embedded campaign alone: leave out --source and --only")
            return [(Campaign(name="campaign"), self.sample)]
        for name, path in sorted(given.items()):
            if not path.exists():
                raise LrlError(f"--source {name}={path}: there is no such file or folder")
            if name not in declared:
                if not (path / "campaign.toml").is_file():
                    raise LrlError(
                        f"--source {name}={path}: {self.repository} declares no source {name!r} "
                        f"(it has {', '.join(declared)}); only a campaign folder, with a campaign.toml, can be added"
                    )
                declared[name] = Campaign(name=name)
        if unknown := sorted(set(only) - set(declared)):
            raise LrlError(f"--only {', '.join(unknown)}: no such source; there are {', '.join(declared)}")
        names = [name for name in declared if name in only] if only else list(declared)
        return [(declared[name], given.get(name)) for name in names]


def _settings(step: Filter) -> dict[str, Any]:
    """Return what a builder sets of a filter: not what a build gives it to read, which the manifest names by hash."""
    read = getattr(step, "inputs", ())
    return {name: value for name, value in asdict(step).items() if name not in read}  # type: ignore[call-overload]


def withdrawn_file(source: Source, path: Path | None, beside: Path | None) -> Path | None:
    """Return where a source's withdrawn stand: in the campaign folder, or beside the builder's script.

    Parameters
    ----------
    source, path
        As `Builder.chosen` returns them.
    beside
        The script's folder, where it has one.
    """
    folder = beside
    if isinstance(source, Campaign):
        folder = path or source.path
        folder = folder.parent if folder and folder.is_file() else folder
    return folder / withdrawal.FILE if folder else None
