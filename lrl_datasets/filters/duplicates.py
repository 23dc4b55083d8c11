"""Clusters of exact and near duplicates. Needs the whole corpus.

Takes `id` and `messages`, gives `cluster`, named by the smallest id in it; which row of a cluster stays is
decided in `release/splits.py`. Near duplicates are found by MinHash with banding over word shingles of the
answer (Broder 1997; Leskovec et al., Mining of Massive Datasets, ch. 3), and every candidate pair is verified by
the exact Jaccard index of its shingles (64-bit hashes of them), so nothing is merged by chance. The result does
not depend on the order of the rows, the batches or the threads. Two answers to one prompt are no duplicates, one
answer to two prompts is; what the prompts share (a template) plays no part unless the builder gives it a weight.

In memory about 130,000 rows of 100 words a second on one core, and 250 bytes a row beside the table; the kernels are
compiled once per installation (about 15 s). `near_duplicates/stages.py` does the same over files.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pyarrow as pa

from lrl_datasets.filters.base import add_column

if TYPE_CHECKING:
    from lrl_datasets.engine import Engine
    from lrl_datasets.filters.near_duplicates.texts import Array, Rule, Texts


@dataclass(frozen=True)
class Report:
    """What the search did, for the manifest: a number for each thing that it could have got wrong."""

    exact: int
    """Rows whose text another row has too (all but one of each)."""
    candidates: int
    """Pairs of different texts that met in a band."""
    near: int
    """Of them, those whose verified similarity reaches the threshold."""
    runs_cut: int
    """Times that more than 64 texts met in one band: then only the first was compared with each, and neighbours."""
    chained: float | None
    """Share of the pairs of different texts inside clusters that are there through others only."""


@dataclass(frozen=True)
class Duplicates:
    """Put rows whose answers say the same into one cluster. It objects to no row."""

    threshold: float = 0.8
    """Least similarity, 0 to 1: the Jaccard index of the answers' shingles."""
    shingle: int = 5
    """Words in a shingle; an answer with fewer is one shingle. Letters of scripts without spaces are words."""
    short_words: int = 8
    """An answer with fewer words is the same only if it is equal and its prompt is too: "Ndiyo." is not."""
    seed: int = 1
    """Of MinHash's permutations."""
    characters: bool = False
    """Shingles of characters: for texts with many misspellings, or of one word each."""
    prompt_weight: float = 0.0
    """Share of the prompts' Jaccard index in the similarity, the answers' has the rest."""

    name: ClassVar[str] = "duplicates"
    reasons: ClassVar[tuple[str, ...]] = ("duplicate",)

    def __post_init__(self) -> None:
        if not 0 < self.threshold <= 1:
            raise ValueError(f"a threshold lies above 0, and is at most 1: {self.threshold=}")
        if not 1 <= self.shingle <= 32:
            raise ValueError(f"a shingle has 1 to 32 words: {self.shingle=}")
        if not 0 <= self.prompt_weight < 1 or self.least_answer < 0.3:
            raise ValueError(
                f"{self.prompt_weight=} would join answers whose own Jaccard index is {self.least_answer:.2f}, by "
                "their prompts alone: give the prompt less weight or raise the threshold"
            )

    @property
    def least_answer(self) -> float:
        """The answers' own Jaccard index below which no prompt can make two rows duplicates."""
        return max(0.0, (self.threshold - self.prompt_weight) / (1 - self.prompt_weight))

    def __call__(self, table: pa.Table) -> pa.Table:
        """Return `table` with `cluster` added; an unreadable row is a cluster of its own."""
        return self.search(table)[0]

    def search(self, table: pa.Table, engine: Engine | None = None) -> tuple[pa.Table, Report]:
        """Return `table` with `cluster` added, and the report.

        In memory; on the workers of an engine where it is a cluster's, or the rows are more than half of what a
        worker may hold. Either way the clusters are the same.
        """
        if engine is not None and (engine.options.engine != "local" or table.nbytes > engine.memory // 2):
            from lrl_datasets.filters.near_duplicates import stages

            names, report = stages.cluster_table(engine, table, self)
            return add_column(table, "cluster", names, pa.string()), report
        from lrl_datasets.filters.near_duplicates import kernels
        from lrl_datasets.filters.near_duplicates.search import Bands, candidates
        from lrl_datasets.filters.near_duplicates.texts import Texts

        texts = Texts.of_messages(table.column("messages"))
        bands = Bands.at(self.least_answer)
        sketch = texts.sketch(self.rule, bands.bands, bands.factors(self.seed))
        identity, kind, keys = sketch.identity, sketch.kind, sketch.keys
        order = np.argsort(identity, kind="stable")
        order = order[kind[order] != kernels.NOTHING]
        new = np.r_[True, identity[order][1:] != identity[order][:-1]][: len(order)]
        first = order[new]  # of each text, in the order of their hashes
        near = np.flatnonzero(kind[first] == kernels.NEAR)
        left, right, cut = candidates([band[first[near]] for band in keys], texts)
        del keys, sketch
        left, right = near[left], near[right]
        same = self.similarity(texts, first[left], first[right]) >= self.threshold
        relative = kernels.components(len(first), left[same], right[same])
        group = np.full(table.num_rows, -1, np.int64)
        group[order] = relative[np.cumsum(new) - 1]
        report = Report(
            exact=len(order) - len(first),
            candidates=len(left),
            near=int(same.sum()),
            runs_cut=cut,
            chained=chained(relative, int(same.sum())),
        )
        return add_column(table, "cluster", named(table.column("id"), group), pa.string()), report

    def on(self, engine: Engine | None) -> Callable[[pa.Table], pa.Table]:
        """Return the filter as it runs on an engine."""
        return lambda table: self.search(table, engine)[0]

    @property
    def rule(self) -> Rule:
        """What a shingle is, as the kernels take it."""
        from lrl_datasets.filters.near_duplicates.texts import Rule

        return Rule(self.shingle, self.characters, self.short_words, self.prompt_weight > 0)

    def similarity(self, texts: Texts, left: Array, right: Array) -> Array:
        """Return the similarity of each pair of rows, 0 where it cannot reach the threshold."""
        from lrl_datasets.filters.near_duplicates.search import jaccard

        answers = jaccard(texts, left, right, self.rule, self.least_answer)
        if not self.prompt_weight:
            return answers
        maybe = np.flatnonzero(answers >= self.least_answer)
        prompts = np.zeros(len(left))
        prompts[maybe] = jaccard(texts, left[maybe], right[maybe], self.rule, 0.0, answer=False)
        return (1 - self.prompt_weight) * answers + self.prompt_weight * prompts

    def settings(self) -> dict[str, object]:
        """Return what decides the clusters."""
        return asdict(self)


def named(ids: pa.ChunkedArray, group: Array) -> pa.Array:
    """Name each row's group by the smallest id in it; a row without a group (-1) by its own."""
    from lrl_datasets.filters.near_duplicates import kernels
    from lrl_datasets.filters.near_duplicates.texts import buffers

    names = ids.combine_chunks()
    names = names if isinstance(names, pa.Array) else pa.concat_arrays(names.chunks)
    group = np.where(group < 0, group.max(initial=-1) + 1 + np.arange(len(group)), group)
    best = np.full(int(group.max(initial=-1)) + 1, -1, np.int64)
    kernels.smallest_names(*buffers(names), group, best)
    return names.take(pa.array(best[group]))


def chained(relative: Array, verified: int) -> float | None:
    """Return the share of pairs inside clusters that no verified pair joins directly."""
    sizes = np.bincount(relative) if len(relative) else np.zeros(1, np.int64)
    return share_chained(int((sizes * (sizes - 1) // 2).sum()), verified)


def share_chained(inside: int, verified: int) -> float | None:
    """Return it from the number of pairs inside clusters and of those verified."""
    return round(1 - verified / inside, 4) if inside else None
