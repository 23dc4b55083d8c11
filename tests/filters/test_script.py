from __future__ import annotations

from lrl_datasets.filters.script import Script
from tests.filters.conversations import conversations, details, marks


def test_letters_outside_of_code_and_links_are_counted_by_script() -> None:
    table = conversations([
        ("Tafsiri.", "Слово о полку Игореве, сына Святославля"),
        ("Tafsiri.", "Neno hili la Kirusi ni слово, maana yake ni neno."),  # 5 of 37 letters
        ("Tafsiri.", "`слово о полку Игореве` ni kichwa cha shairi la kale"),
        ("Слово о полку Игореве, сына Святославля", "Ni shairi la kale."),
        ("Tafsiri.", "Слово"), None, ("Tafsiri.", "2 + 2 = 4 😀"),
    ])  # fmt: skip
    step = Script("swh_Latn")
    assert marks(step, table) == ["wrong_script", None, None, "wrong_script", None, None, None]
    assert details(step, table)[0] == "answer: 1.0000 of its letters, at most 0.3"


def test_the_bound_is_allowed() -> None:
    table = conversations([("Andika.", "абвгде" + "a" * 14), ("Andika.", "абвгдеж" + "a" * 14)])
    assert marks(Script("swh_Latn", max_share=0.3), table) == [None, "wrong_script"]


def test_a_prompt_in_another_language_is_not_looked_at() -> None:
    pair = ("What is the capital of Ethiopia, and why?", "የኢትዮጵያ ዋና ከተማ አዲስ አበባ ነው ምክንያቱም መንግሥት እዚያ ነው።")
    assert marks(Script("amh_Ethi"), conversations([pair])) == ["wrong_script"]
    assert marks(Script("amh_Ethi"), conversations([pair], prompt_language="eng_Latn")) == [None]
    assert marks(Script("amh_Ethi"), conversations([pair], prompt_language="amh_Ethi")) == ["wrong_script"]
