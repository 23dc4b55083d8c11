"""The Hub's rules for a card's YAML, each with a card that breaks it."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from lrl_datasets import card_validator

GOOD = """---
license: apache-2.0
language:
- sw
pretty_name: A test
size_categories:
- n<1K
task_categories:
- text-generation
tags:
- low-resource
configs:
- config_name: default
  default: true
  data_files:
  - split: train
    path: default/train-*.parquet
  - split: test
    path:
    - default/test-00000.parquet
- config_name: preference
  description: a hash
  data_files:
  - split: train
    path: preference/train.parquet
dataset_info:
- config_name: default
  features:
  - name: id
    dtype: string
  - name: messages
    list:
    - name: role
      dtype: string
    - name: content
      dtype: string
  - name: lineage
    list: string
  - name: kind
    dtype:
      class_label:
        names:
          '0': a
  splits:
  - name: train
    num_bytes: 10
    num_examples: 2
  - name: test
    num_bytes: 5
    num_examples: 1
---
# A test
"""


def test_a_good_card_has_no_problems() -> None:
    assert card_validator.problems(GOOD) == []


PREFERENCE_TRAIN = "  - split: train\n    path: preference/train.parquet\n"


def change(old: str, new: str) -> str:
    assert GOOD.count(old) == 1
    return GOOD.replace(old, new)


REFUSED = {
    "a licence that is not in the list": (change("apache-2.0", "Apache 2"), "license"),
    "another licence without a name": (change("license: apache-2.0", "license: other"), "license_name"),
    "a FLORES code as language": (change("\n- sw\n", "\n- swh_Latn\n"), "swh_Latn"),
    "a language in words": (change("\n- sw\n", "\n- Swahili\n"), "Swahili"),
    "a code that names no language": (change("\n- sw\n", "\n- zzz\n"), "zzz"),
    "Norwegian without quotes": (change("\n- sw\n", "\n- no\n"), "quotes"),
    "a tag that is a number": (change("- low-resource", "- 2026"), "tags"),
    "a title that is a number": (change("A test\nsize", "7\nsize"), "pretty_name"),
    "two configs of one name": (change("config_name: preference", "config_name: default"), "twice"),
    "a config without a name": (change("config_name: preference", "name: preference"), "config_name"),
    "a config without files": (change("  data_files:\n" + PREFERENCE_TRAIN, ""), "data_files"),
    "a split named twice": (change("split: test", "split: train"), "twice"),
    "a dash in a split": (change("split: test", "split: held-out"), "held-out"),
    "a split without a path": (change(PREFERENCE_TRAIN, "  - split: train\n"), "path"),
    "YAML that does not parse": (change("license: apache-2.0", "license: [apache-2.0"), "line"),
    "a key given twice": (change("license: apache-2.0", "license: mit\nlicense: mit"), "duplicated"),
    "a list in the place of names": ("---\n- a\n- b\n---\n", "mapping"),
    "configs that are no list": ("---\nconfigs:\n  config_name: default\n---\n", "configs"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_the_hub_refuses(name: str) -> None:
    card, named = REFUSED[name]
    found = card_validator.check(card).errors
    assert found, "not noticed"
    assert any(named in text for text in found), found


WARNED = {
    "no metadata": ("# A card\n", "metadata"),
    "empty metadata": ("---\n---\n# A card\n", "metadata"),
    "an unknown task": (change("text-generation", "small-talk"), "small-talk"),
    "an unknown size": (change("n<1K", "tiny"), "tiny"),
    "splits that differ": (change("- name: test\n    num", "- name: validation\n    num"), "splits differ"),
    "an unknown config": (change("- config_name: default\n  f", "- config_name: x\n  f"), "'x'"),
    "a feature without a type": (change("- name: id\n    dtype: string", "- name: id"), "'id'"),
    "a feature without a name": (change("    - name: role\n      dtype", "    - dtype"), "name"),
    "a feature twice": (change("- name: lineage", "- name: id"), "twice"),
}  # fmt: skip


@pytest.mark.parametrize("name", WARNED)
def test_what_the_hub_takes_but_a_release_should_not_have(name: str) -> None:
    card, named = WARNED[name]
    found = card_validator.check(card)
    assert found.errors == []
    assert any(named in text for text in found.warnings), found.warnings
    assert card_validator.problems(card) == found.warnings


def test_a_model_card_is_not_asked_for_what_only_datasets_have() -> None:
    card = "---\nlicense: mit\nconfigs: 7\n---\n"
    assert card_validator.check(card, "model").errors == []
    assert card_validator.check(card, "dataset").errors == ['"configs" must be a list']


def test_an_unsafe_tag_is_refused_not_constructed() -> None:
    card = "---\nlicense: !!python/object/apply:os.system ['false']\n---\n"
    assert len(card_validator.check(card).errors) == 1


KEYS = (
    "license", "language", "tags", "configs", "config_name", "data_files", "split", "path", "dataset_info",
    "features", "splits", "name", "dtype", "list",
)  # fmt: skip


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(KEYS),
                inner,
                max_size=4,
            )
        ),
        max_leaves=12,
    )
)
def test_any_yaml_gets_an_answer(data: object) -> None:
    card = "---\n" + yaml.safe_dump(data) + "---\n"
    assert all(isinstance(text, str) for text in card_validator.problems(card))


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_front_matter_is_what_stands_between_the_first_two_lines(end: str) -> None:
    card = end.join(["---", "a: 1", "---", "text", "---", "b: 2", "---"])
    front = card_validator.front_matter(card)
    assert front is not None
    assert yaml.safe_load(front) == {"a": 1}
    assert card_validator.front_matter("text\n---\na: 1\n---\n") is None


@pytest.mark.parametrize(
    ("front", "words"),
    [
        ("a: &a [x, x]\n" + "".join(f"k{n}: &k{n} [{f'*k{n - 1}' if n else '*a'},{f'*k{n - 1}' if n else '*a'}]\n"
                                    for n in range(20)), "its aliases written out, has more than"),
        ("a: &a {b: *a}", "*a stands within itself"),
        ("a: " + "[" * 3000 + "]" * 3000, "more than 100 levels"),
        ("language:\n" + "- sw\n" * 60_000, "more than 50000 values"),
        ("a: " + "x" * (1 << 20), "more than 1048576 characters"),
        ("a: " + "9" * 5000, "a number of 5000 characters"),
        ("a: !!int " + "1:" * 3000 + "1", "a number of 6001 characters"),
        ("a: 2026-13-40", "month must be in 1..12"),
    ],
)  # fmt: skip
def test_what_nobody_could_use_is_refused_before_it_is_built(front: str, words: str) -> None:
    found = card_validator.check(f"---\n{front}\n---\n")
    assert len(found.errors) == 1 and words in found.errors[0]


def test_aliases_and_merges_of_a_reasonable_size_are_read() -> None:
    assert card_validator.read("a: &a {x: 1}\nb: [*a, *a]\nc: {<<: *a, y: 2}") == {
        "a": {"x": 1}, "b": [{"x": 1}, {"x": 1}], "c": {"x": 1, "y": 2},
    }  # fmt: skip
