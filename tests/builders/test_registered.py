"""Every registered builder: its facts are filled, and every source says what may happen to its rows."""

from __future__ import annotations

import re

import pytest

from lrl_datasets import builders, languages


@pytest.mark.parametrize("name", builders.names())
def test_a_builder_states_its_facts(name: str) -> None:
    found, builder = builders.find(name)
    assert found == name
    assert builder.title and builder.splits.salt
    languages.load(builder.language)
    assert len({source.name for source in builder.sources}) == len(builder.sources)
    for source in builder.sources:
        facts = vars(source)
        if "repo" in facts:
            assert facts["license"] and languages.load(facts["language"]).code == builder.language
            # A commit, or a branch that is known to move and is resolved at each build.
            assert re.fullmatch(r"[0-9a-f]{40}|refs/convert/parquet", facts["revision"])
    if builder.sample is not None:
        assert (builder.sample / "campaign.toml").is_file()
