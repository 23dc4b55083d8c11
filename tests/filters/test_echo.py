from __future__ import annotations

from lrl_datasets import schema
from lrl_datasets.filters.echo import Echo
from tests.filters.conversations import conversations, details, marks


def test_the_prompt_again_is_no_answer() -> None:
    table = conversations([
        ("Je, jua ni nini?", "Je, JUA ni nini"), ("Je, jua ni nini?", "Jua ni nyota."), None, ("?!", "..."),
        ("Rudia neno hili: jua", "Jua"),
    ])  # fmt: skip
    assert marks(Echo(), table) == ["answer_is_prompt", None, None, None, None]


def test_one_turn_of_several_is_enough() -> None:
    turns = [
        ("user", "Habari?"),
        ("assistant", "Nzuri sana."),
        ("user", "Jua ni nini?"),
        ("assistant", "jua ni nini"),
    ]
    table = schema.candidates([{"messages": [{"role": role, "content": said} for role, said in turns]}])
    assert (marks(Echo(), table), details(Echo(), table)) == (["answer_is_prompt"], ["turn 3"])
