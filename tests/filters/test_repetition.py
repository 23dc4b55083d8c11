"""Shares worked out by hand, and the same by a plain function in Python."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lrl_datasets.filters.repetition import Repetition, measures
from tests.filters.conversations import conversations, details, marks

STORY = "Kuku wangu alitaga mayai matatu jana asubuhi karibu na kisima cha jirani yetu"  # 13 words


def shares(text: str, min_words: int = 1) -> list[float]:
    return [round(float(x), 4) for x in measures(pa.chunked_array([[text]]), min_words)[0]]


def test_shares_by_hand() -> None:
    # Two of four equal lines are repeats, of 4 + 4 + 4 + 4 letters; 5-grams: a text of four words has none.
    assert shares("moja\nmoja\nmbil\nMOJA moja"[:14]) == [round(4 / 12, 4), 0.0, 0.0]
    # Ten words twice: of the second ten the first nine begin a 5-gram seen before or lie in one; all ten do.
    ten = "aa bb cc dd ee ff gg hh ii jj"
    assert shares(f"{ten} {ten}") == [0.0, 0.5, 0.0]
    # Capitals and punctuation make no difference to words.
    assert shares(f"{ten} {ten.upper().replace(' ', ', ')}.")[1] == round(30 / 50, 4)
    # "haha" eight times are 16 of 21 letters; a unit with no letter is a rule or an ellipsis.
    assert shares("hahahahahahahaha ndiyo") == [0.0, 0.0, round(16 / 21, 4)]
    assert shares("-" * 40 + " ndiyo") == [0.0, 0.0, 0.0]
    assert shares("ሰላም " * 6)[2] == 0.0  # nine bytes and a space are longer than a unit
    assert shares("ሀሀሀሀሀሀ") == [0.0, 0.0, 1.0]


def test_marks_name_part_share_and_bound() -> None:
    loop = f"{STORY}. " * 3
    table = conversations([
        ("Eleza.", STORY), ("Eleza.", loop), ("Eleza.", "\n".join([STORY] * 3)), ("Eleza.", "Ha" * 20), None,
        (loop, STORY), (f"{STORY} " * 2, STORY),
    ])  # fmt: skip
    step = Repetition()
    assert marks(step, table) == [
        None, "repeated_ngrams", "repeated_lines", "repeated_characters", None, "repeated_ngrams", None
    ]  # fmt: skip
    assert details(step, table)[1] == "answer: 0.6667 of its characters, at most 0.3"
    assert details(step, table)[5] == "prompt: 0.6667 of its characters, at most 0.6"


def test_fenced_code_and_short_texts_may_repeat() -> None:
    code = "```\n" + "for x in range(10): print(x)\n" * 9 + "```"
    short = "Ndiyo, ni kweli kabisa.\nNdiyo, ni kweli kabisa."
    table = conversations(
        [("Andika.", f"{STORY}\n{code}"), ("Andika.", short), ("Andika.", f"{STORY}\n{code[4:-4]}")]
    )
    assert marks(Repetition(), table) == [None, None, "repeated_lines"]


def test_slices_and_nulls_read_the_right_bytes() -> None:
    texts = pa.chunked_array(
        [["hahahahahahahaha", None, "moja mbili"], [], [None, "hahahahahahahaha"]], pa.string()
    )
    assert measures(texts, 1)[:, 2].tolist() == [1, 0, 0, 0, 1]
    assert measures(texts.slice(1, 3), 1)[:, 2].tolist() == [0, 0, 0]
    assert measures(texts.slice(4), 1)[:, 2].tolist() == [1]
    assert len(measures(pa.chunked_array([], pa.string()), 1)) == 0


WORDS = st.lists(st.sampled_from(["na", "kwa", "mti", "jua,", "Maji", "\n"]), max_size=40).map(" ".join)


@settings(max_examples=200, deadline=None)
@given(st.lists(WORDS, max_size=5))
def test_equal_to_plain_python(texts: list[str]) -> None:
    found = measures(pa.chunked_array([texts], pa.string()), 1)
    for text, row in zip(texts, found.tolist(), strict=True):
        assert row[:2] == pytest.approx(plain(text))


def plain(text: str) -> list[float]:
    """The definitions, with sets in the place of hashes."""
    total = sum(not char.isspace() for char in text)
    seen: set[tuple[str, ...]] = set()
    lines = 0
    for line in text.split("\n"):
        bare = "".join(line.split())
        if bare:
            lines += len(bare) * ((bare,) in seen)
            seen.add((bare,))
    tokens = text.split()
    keys = [token.lower().strip(",.") for token in tokens]
    seen, covered = set(), set()
    for at in range(len(keys) - 4):
        gram = tuple(keys[at : at + 5])
        if gram in seen:
            covered |= set(range(at, at + 5))
        seen.add(gram)
    return [lines / max(total, 1), sum(len(tokens[at]) for at in covered) / max(total, 1)]


@settings(max_examples=50, deadline=None)
@given(st.permutations([STORY, f"{STORY}. " * 3, "Ha" * 20, "", "\n".join([STORY] * 3)]), st.integers(0, 5))
def test_order_and_cuts_change_nothing(texts: list[str], at: int) -> None:
    table = conversations([("Eleza.", text) for text in texts])
    parts = pa.concat_tables([Repetition()(table.slice(0, at)), Repetition()(table.slice(at))])
    assert parts.to_pylist() == Repetition()(table).to_pylist()
    alone = [marks(Repetition(), conversations([("Eleza.", text)]))[0] for text in texts]
    assert marks(Repetition(), table) == alone
