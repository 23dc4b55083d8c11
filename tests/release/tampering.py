"""A small real release for the tests of `lrl verify`, and tampering with it in memory.

Whatever follows from what was edited is made good (rows counted, card and citation rendered again), so that only the
checks that the edit means can find it.
"""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from lrl_datasets import schema
from lrl_datasets.build import Built, build
from lrl_datasets.filters.harm import Harm
from lrl_datasets.filters.identity import content_hash
from lrl_datasets.filters.language_id import LanguageId
from lrl_datasets.filters.suite_index import SuiteIndex, SuiteItem
from lrl_datasets.release import card, citation, leak_report, locations
from lrl_datasets.release.locations import Release
from lrl_datasets.release.verify import CHECKS
from lrl_datasets.sources.hub import HubDataset
from tests.sources.exports import ANSWER_TOML, MAJORITY_TOML, answer, campaign, vote
from tests.test_build import ANSWERS, BUILDER, all_yes, answers, judged

TRANSLATED = HubDataset(
    "translated", "test/translated", "main", prompt="q", answer="a", record="id", score="score",
    original_id="of", original_dataset="test/original", language="swh_Latn", license="mit",
    creation_method="machine_translated", model_name="test/translator", may_be_unjudged=True,
)  # fmt: skip
_MORE = (LanguageId("swh_Latn"), Harm(("swh",)))
_FILTERS = {step.name: step for step in (*BUILDER.filters, *_MORE)}
BUILT_BY = replace(
    BUILDER,
    sources=(*BUILDER.sources, TRANSLATED),
    filters=tuple(_FILTERS[name] for name in schema.FILTER_ORDER if name in _FILTERS),
)
"""A campaign and a translated dataset, every filter."""

TOML = ANSWER_TOML + MAJORITY_TOML

_TABLE = """id,q,a,score,of
1,Kwa nini anga ni la bluu?,Mwanga wa jua hutawanywa na hewa na rangi ya bluu hutawanyika zaidi ya nyingine.,0.7,1
2,Samaki hupumua vipi?,Samaki hupumua kwa matamvua ambayo huchukua oksijeni kutoka kwenye maji yanayopita.,0.9,2
3,Jibu?,Ndiyo,0.1,
"""


def build_releases(scratch: Path) -> tuple[Built, Built]:
    """Build a first release, and a second one that a row left; `LRL_PSEUDONYM_KEY` must be set."""
    rows = answers()
    rival = dict(rows[0]) | {
        "ASSIGNMENT:assignment_id": "b0", "ASSIGNMENT:worker_id": "w77",
        "OUTPUT:answer": "Sijui jina la mto wowote ule kwa sasa, samahani sana.",
    }  # fmt: skip
    copied = dict(rows[1]) | {"ASSIGNMENT:assignment_id": "copy", "ASSIGNMENT:worker_id": "copier"}
    more = [
        rival, copied,
        answer("short", prompt="Swali fupi ni lipi?", text="Ndiyo", original_id="q1", worker_id="w20"),
        answer("empty", prompt="Swali gani tena?", text=" ", original_id="q2", worker_id="w21"),
        answer("english", prompt="Taja jiji kubwa.", original_id="q3", worker_id="w22",
               text="The biggest city of the country is a harbour at the ocean, and it grows every year."),
        answer("skipped", prompt="Nani anajua?", original_id="q4", worker_id="w23", status="SKIPPED"),
        answer("broken", prompt="Nini kimevunjika?", original_id="q5", worker_id="w24", status="odd"),
        answer("mail", prompt="Niandikie wapi?", original_id="q6", worker_id="w25",
               text="Andika kwa juma@example.org au piga simu 0712 345 678 wakati wowote wa mchana."),
        answer("alone", prompt="Nani alihukumu hili?", original_id="q7", worker_id="w26",
               text="Hakuna mtu aliyehukumu jibu hili, kwa hiyo halina kura hata moja mpaka sasa."),
    ]  # fmt: skip
    votes = all_yes([*rows[:3], *rows[4:], copied, more[7]])
    votes += judged(rival, "no", "no", "yes") + judged(rows[3], "yes", "no", "yes")
    votes += [dict(one) | {"ASSIGNMENT:assignment_id": f"again {n}"} for n, one in enumerate(votes[:1])]
    votes.append(dict(votes[3]) | {"ASSIGNMENT:assignment_id": "own", "ASSIGNMENT:worker_id": "w1"})
    old = {"ASSIGNMENT:assignment_id": "old", "INPUT:answer": "Maji.", "ASSIGNMENT:worker_id": "j8"}
    votes.append(dict(votes[0]) | old)
    votes.append(vote("nowhere", assignment="lost", worker="judge1"))
    votes.append(dict(votes[0]) | {"ASSIGNMENT:assignment_id": "bad", "ASSIGNMENT:worker_id": "guesser"})
    for n in range(3):
        votes.append(vote("", "yes", assignment=f"g{n}", worker="judge0", golden="yes"))
        votes.append(vote("", "yes", assignment=f"h{n}", worker="guesser", golden="no"))
    index = SuiteIndex.build([SuiteItem(task="t", texts=(ANSWERS[2],))])
    index.save(scratch / "index.json")
    folder = campaign(scratch / "campaign", [*rows, *more], votes, TOML)
    table = scratch / "train.csv"
    table.write_text(_TABLE)
    given = {"campaign": folder, "translated": table}
    common: dict[str, Any] = {"name": "mini", "given": given, "suite_index": scratch / "index.json"}
    first = build(BUILT_BY, out=scratch / "1", **common)
    listed = locations.read(first.folder).rows("default")
    assert listed is not None
    gone = next(row["id"] for row in listed.to_pylist() if row["messages"][-1]["content"] == ANSWERS[7])
    (folder / "withdrawn.txt").write_text(f"row {gone}\n")
    return first, build(BUILT_BY, out=scratch / "2", previous=first.folder, **common)


class Tampered:
    """A release as rows that can be edited."""

    def __init__(self, release: Release, scratch: Path) -> None:
        self.scratch = scratch
        self.manifest: dict[str, Any] = copy.deepcopy(release.manifest)
        self.configs = {
            config: {split: table.to_pylist() for split, table in splits.items()}
            for config, splits in release.configs.items()
        }
        assert release.folder is not None
        report = release.folder / leak_report.NAME  # there is none where nothing was checked for leaks
        self.leaks = leak_report.parse(report.read_text()) if report.exists() else []
        self.split_map: list[dict[str, Any]] = release.split_map.to_pylist()
        self.edits: list[tuple[str, Callable[[str], str]]] = []

    def rows(self, config: str) -> list[dict[str, Any]]:
        """All rows of a config, to be edited."""
        return [row for listed in self.configs[config].values() for row in listed]

    def one(self, config: str, **values: Any) -> dict[str, Any]:
        """The first row with these values; a function is asked."""
        return next(
            row
            for row in self.rows(config)
            if all(
                value(row[name]) if callable(value) else row[name] == value for name, value in values.items()
            )
        )

    def take(self, config: str, row: dict[str, Any]) -> None:
        """Take a row out."""
        for listed in self.configs[config].values():
            if any(one is row for one in listed):
                listed[:] = [one for one in listed if one is not row]

    def rehash(self, row: dict[str, Any], text: str) -> None:
        """Give a row another answer, hashed as it should be."""
        row["messages"][-1]["content"] = text
        row["content_hash"] = content_hash(row["messages"])
        for entry in self.split_map:
            if entry["id"] == row["id"]:
                entry["content_hash"] = row["content_hash"]

    def count(self) -> None:
        """Count the rows and the judgements again."""
        counts, judged, votes = self.manifest["counts"], self.manifest["judgements"], self.rows("annotations")
        by_source: dict[str, Counter[str]] = {}
        for split, listed in self.configs["default"].items():
            for row in listed:
                by_source.setdefault(row["source"], Counter())[split] += 1
        for row in self.rows("rejected"):
            by_source.setdefault(row["source"], Counter())[row["reason"]] += 1
        funnel = Counter((row["filter"], row["reason"]) for row in self.rows("rejected"))
        counts["by_source"] = {name: dict(counter) for name, counter in by_source.items()}
        counts["funnel"] = [
            {"filter": step, "reason": reason, "rows": n} for (step, reason), n in funnel.items()
        ]
        judged["reasons"] = dict(Counter(vote["reason"] for vote in votes if vote["reason"] is not None))
        judged["not_counted"] = sum(judged["reasons"].values())
        judged["counted"] = len(votes) - judged["not_counted"]
        judged["workers"] = len({vote["worker"] for vote in votes} - {None})

    def text(self, name: str, old: str, new: str) -> None:
        """Edit the card or the citation once they are rendered."""

        def edit(text: str) -> str:
            assert old in text, f"{old!r} is not in {name}"
            return text.replace(old, new)

        self.edits.append((name, edit))

    def release(self) -> Release:
        """The tampered release, with card and citation of its manifest and rows."""
        contracts = schema.CONFIGS
        configs = {
            config: {
                split: pa.Table.from_pylist(listed, schema=contracts[config])
                for split, listed in splits.items()
            }
            for config, splits in self.configs.items()
        }
        for config, splits in configs.items():
            for split, table in splits.items():
                self.manifest["configs"][config][split]["rows"] = table.num_rows
        split_map = pa.Table.from_pylist(self.split_map, schema=schema.SPLIT_MAP)
        facts = card.facts(self.manifest, configs)
        citing = (facts.title, facts.language.names.english, facts.licenses)
        texts = {
            "README.md": card.render(self.manifest, facts),
            citation.NAME: citation.render(self.manifest, *citing),
        }
        reasons = {row["id"]: row["reason"] for row in self.rows("rejected")}
        leaks = [one | {"reason": reasons.get(one["id"])} for one in self.leaks]
        if "leaks" in self.manifest:
            leak_report.write(self.scratch / leak_report.NAME, leaks)
        for name, edit in self.edits:
            texts[name] = edit(texts[name])
        for name, text in texts.items():
            (self.scratch / name).write_text(text)
        return Release(self.manifest, configs, split_map, self.scratch)


def found(release: Release) -> dict[str, list[str]]:
    """The checks that found something, with what."""
    return {name: listed for name, check in CHECKS.items() if (listed := [*check(release)])}
