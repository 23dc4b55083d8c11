"""Pairs of two lists, against the inverted index in plain Python; bands, runs and components by hand."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

import lrl_datasets
from lrl_datasets.filters.near_duplicates import kernels, search
from lrl_datasets.filters.near_duplicates.pairs import near_pairs, shingle_sets
from lrl_datasets.filters.near_duplicates.search import Bands
from lrl_datasets.filters.near_duplicates.texts import Texts
from tests.filters.near_duplicates import plain


def edited(seed: int, texts: int = 40) -> list[str]:
    """Texts of common words, each with copies of which some words are others."""
    draw = random.Random(seed)
    made = []
    for _ in range(texts):
        own = [f"neno{draw.randrange(400)}" for _ in range(draw.randrange(10, 60))]
        made.append(" ".join(own))
        for _ in range(2):
            copy = [word if draw.random() > 0.04 else "lingine" for word in own]
            made.append(" ".join(copy))
    draw.shuffle(made)
    return made


@pytest.mark.parametrize("threshold", [0.6, 0.7, 0.8, 1.0])
def test_pairs_of_two_lists_are_those_of_an_inverted_index(threshold: float) -> None:
    texts = edited(1)
    half = len(texts) // 2
    left, right, index = near_pairs(pa.array(texts[:half]), pa.array(texts[half:]), threshold)
    found = {
        (one, other + half): value
        for one, other, value in zip(left.tolist(), right.tolist(), index.tolist(), strict=True)
    }
    truth = plain.near(texts, threshold)
    assert found == {pair: value for pair, value in truth.items() if pair[0] < half <= pair[1]}
    assert len(found) >= 10


def test_nothing_is_near_to_nothing() -> None:
    none = pa.array([], pa.string())
    for one, other in (
        (none, none),
        (none, pa.array(["x"])),
        (pa.array([None], pa.string()), pa.array(["x"])),
    ):
        assert [part.tolist() for part in near_pairs(one, other)] == [[], [], []]


def test_shingles_for_containment() -> None:
    long, part = "moja mbili tatu nne tano sita saba", "MBILI tatu nne, tano sita!"
    hashes, starts = shingle_sets(pa.array([long, part, None]))
    whole, inner = (set(hashes[starts[n] : starts[n + 1]].tolist()) for n in (0, 1))
    assert (len(whole), len(inner)) == (3, 1) and inner < whole


def test_bands_meet_at_the_threshold() -> None:
    for threshold in (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.99, 1.0):
        chosen = Bands.at(threshold)
        assert (1 - threshold**chosen.rows) ** chosen.bands < 4.5e-4
        assert len(set(chosen.factors(1))) == chosen.rows * chosen.bands
    assert Bands.at(0.8) == Bands(5, 20)


def test_minhash_meets_as_often_as_the_jaccard_index_says() -> None:
    """1,000 pairs with an index of 1/2 share a MinHash value half the time: within five standard errors."""
    draw = random.Random(2)
    both = []
    for _ in range(1000):
        shared, *own = ([f"n{draw.randrange(10**9)}" for _ in range(30)] for _ in range(3))
        both += [" ".join(shared + part) for part in own]  # words as shingles: 30 of 90 … of 60 + 30
    hundred = np.random.Generator(np.random.PCG64(3)).integers(0, 1 << 31, 50, np.uint32) * np.uint32(
        2
    ) + np.uint32(1)
    rule = search.Rule(shingle=1)
    keys = Texts.of_strings(pa.array(both)).sketch(rule, 50, hundred).keys
    shares = (keys[:, ::2] == keys[:, 1::2]).mean(axis=0)
    assert abs(shares.mean() - 1 / 3) < 5 * (2 / 9 / 50_000) ** 0.5
    assert 0.8 < shares.var() / (2 / 9 / 50) < 1.2  # the values of one text are independent of one another


def test_a_run_beyond_the_cap_is_a_star_and_neighbours() -> None:
    mask = np.uint64(0xFF)
    entries = np.array([0x100 | n for n in range(5)] + [0x200, 0x301, 0x302], np.uint64)
    many, cut = kernels.pairs_of_runs(entries, mask, 3, np.empty(0, np.uint64))
    out = np.empty(many, np.uint64)
    kernels.pairs_of_runs(entries, mask, 3, out)
    pairs = [(int(pair) >> 32, int(pair) & 0xFFFFFFFF) for pair in out]
    assert (cut, pairs) == (1, [(0, 1), (0, 2), (0, 3), (0, 4), (1, 2), (2, 3), (3, 4), (1, 2)])


def test_components_and_their_smallest_names() -> None:
    left, right = np.array([4, 1, 5, 3]), np.array([2, 4, 0, 3])
    assert kernels.components(7, left, right).tolist() == [0, 1, 1, 3, 1, 0, 6]
    data = np.frombuffer(b"babbaab", np.uint8)  # ba b baa b
    best = np.full(2, -1, np.int64)
    kernels.smallest_names(data, np.array([0, 2, 3, 6, 7]), np.array([0, 0, 0, 1]), best)
    assert best.tolist() == [1, 3]


def test_an_installation_that_cannot_be_written_works(tmp_path: Path) -> None:
    """Neither the package's folder nor the user's cache: the kernels are compiled for this run."""
    code = (
        "from numba.core import caching\n"
        "caching.CacheImpl._locator_classes = []\n"
        "from lrl_datasets.filters.near_duplicates import kernels\n"
        "import numpy as np\n"
        "print(hex(kernels.mix(np.uint64(1))))"
    )
    env = {**os.environ, "PYTHONPATH": str(Path(lrl_datasets.__file__).parents[1])}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env, cwd=tmp_path)
    assert done.stdout.strip() == hex(plain.mix(1)), done.stderr
