"""What is said of the change from one release to the next: the data that `diff` finds and everybody else reads."""

from __future__ import annotations

from dataclasses import dataclass, field

from lrl_datasets.release.schema_changes import SchemaChange


@dataclass
class Changes:
    """What changed in the rows of one config, by id."""

    before: int = 0
    after: int = 0
    added: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    """Without the withdrawn ones."""
    withdrawn: list[str] = field(default_factory=list)
    """Rows that somebody asked to be removed, and what depends on them (their votes and pairs)."""
    content: dict[str, list[str]] = field(default_factory=dict)
    """Id → the columns that changed, of rows whose text did."""
    metadata: dict[str, list[str]] = field(default_factory=dict)
    """Id → the columns that changed, of the other rows."""
    revision_only: int = 0


@dataclass(frozen=True)
class Crossed:
    """A record that was published and is refused now, or the other way round: `removed` here, `added` there."""

    before: str
    """Its config in the older release, `default` or `rejected`."""
    after: str
    reason: str
    """Why it is refused now, or was then."""
    fields: list[str]
    """The columns that changed; its text did where `content_hash` is among them."""


@dataclass
class Diff:
    """Everything that changed from one release to the next."""

    before: dict[str, str]
    """`repository`, `version` and `pseudonym_key` (its fingerprint)."""
    after: dict[str, str]
    schema: list[SchemaChange]
    configs: dict[str, Changes]
    crossed: dict[str, Crossed]
    """Id → what became of it."""
    moved: dict[str, tuple[str, str]]
    """Id → its split before and after, in whichever config: an error."""
    counts: dict[str, dict[str, dict[str, int]]]
    """Source → language → what changed in `default`."""
    withdrawn: list[str]
    """Ids and pseudonyms that this version is the first to leave out on request."""
    returned: list[str]
    """Ids and pseudonyms that the older release left out on request and this one has again: an error."""
    consequences: dict[str, str]
    """Id → what happened to a row or pair because of a withdrawal: a relative or a vote of it went. Where nothing but
    the withdrawal changed any input, that is everything: the posteriors are computed anew."""
    facts: list[str]
    """What differs in the manifest besides: tools and settings with their values, inputs and counts by name."""
    untranslated: bool = False
    """The pseudonym key is another and nobody gave the translation: the same record has two names."""

    @property
    def errors(self) -> list[str]:
        """What may never happen between two releases, a sentence each."""
        found = [f"row {name} moved from {old} to {new}" for name, (old, new) in sorted(self.moved.items())]
        found += [f"{_kind(name)} {name} was withdrawn and is back" for name in self.returned]
        if self.before["repository"] != self.after["repository"]:
            found.insert(0, f"two datasets: {self.before['repository']} and {self.after['repository']}")
        return found


def _kind(name: str) -> str:
    return "row" if len(name) == 24 else "annotator"  # as `withdrawn.txt` has them
