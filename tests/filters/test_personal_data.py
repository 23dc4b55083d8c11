"""Emails and phone numbers are masked, other numbers stay."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lrl_datasets import languages, schema
from lrl_datasets.filters.personal_data import PersonalData, mask_text

FACTS = languages.load("swh_Latn").personal_data
REGIONS, CUES = FACTS.phone_regions, FACTS.phone_cues


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("Nipigie 0712 345 678 kesho.", "Nipigie [PHONE] kesho."),
        ("0712-345-678", "[PHONE]"),
        ("0712345678,0755 123 456", "[PHONE],[PHONE]"),
        ("(0712 345 678)", "([PHONE])"),
        ("+255 712 345 678", "[PHONE]"),
        ("00255 712 345 678", "[PHONE]"),
        ("255712345678", "[PHONE]"),
        ("(+254) 712 345 678", "[PHONE]"),
        ("+256 (0) 772 123456", "[PHONE]"),
        ("tel. 022 211 1111", "tel. [PHONE]"),
        ("+257 79 123 456", "[PHONE]"),  # Burundi
        ("+1 415 555 2671", "[PHONE]"),  # a country of none of the regions
        ("simu: 712 345 678", "simu: [PHONE]"),
    ],
)
def test_phone_numbers(text: str, masked: str) -> None:
    assert mask_text(text, REGIONS, CUES) == (masked, ["phone"] * masked.count("[PHONE]"))


@pytest.mark.parametrize(
    "text",
    [
        "1998-2003", "2019-2020 2020-2021", "10,000", "0.54", "0.712345678", "2026-11-21", "01-02-2003",
        "tarehe 05.06.1990", "1. 2. 3.", "2.1 3.4 5.6 7.8 9.10", "0 1 2 3 4 5 6 7 8 9", "0123456789",
        "07 08 09 10 11", "3.14159265358", "Bei ni 712 345 678", "TSh 712,345,678", "10.000.000.000",
        "ISBN 0-415-26356-4", "08:00 - 17:00", "112 999 911", "mwaka 1961, 1963 na 1964",
        "fa783ef0-0712-345678-b429", "watu 1,694,310",
    ],
)  # fmt: skip
def test_other_numbers_stay(text: str) -> None:
    assert mask_text(text, REGIONS, CUES) == (text, [])


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("Andika kwa juma@example.co.tz.", "Andika kwa [EMAIL]."),
        ("(Asha.Ali+1@mail.example.com)", "([EMAIL])"),
        ("mailto:j@example.org", "[EMAIL]"),
        ("saa 3 @ ukumbi", "saa 3 @ ukumbi"),
        ("@jina_langu", "@jina_langu"),
    ],
)
def test_emails(text: str, masked: str) -> None:
    assert mask_text(text, REGIONS) == (masked, ["email"] * masked.count("[EMAIL]"))


@settings(max_examples=60, deadline=None)
@given(
    st.text("01257 +-().@a/[")
    | st.lists(
        st.sampled_from(["0712 345 678", "255", "+", "-", "a@b.co", "7", " ", "0", "(", ")", "[PHONE]", "x"]),
        max_size=12,
    ).map("".join)
)
def test_masking_twice_changes_nothing(text: str) -> None:
    once, _ = mask_text(text, REGIONS, CUES)
    assert mask_text(once, REGIONS, CUES) == (once, [])


def test_a_long_run_of_letters_is_no_trap() -> None:
    text = "a" * 200_000 + "@"
    assert mask_text(text, REGIONS) == (text, [])


def test_filter_masks_messages_counts_and_objects_to_nothing() -> None:
    table = PersonalData(REGIONS, CUES)(
        schema.candidates(
            [
                {
                    "messages": [
                        {"role": "user", "content": "Nipe namba ya Juma."},
                        {"role": "assistant", "content": "Ni 0712 345 678 au juma@example.com."},
                    ]
                },
                {"messages": None},
            ]
        )
    )
    assert table["messages"][0][1]["content"].as_py() == "Ni [PHONE] au [EMAIL]."
    assert table["messages"].type == schema.MESSAGES
    assert table["masked"].to_pylist() == [["email", "phone"], None]
    assert table["mark.personal_data"].to_pylist() == [None, None]


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("1. 0712 345 678 2. 0713 345 678", "1. [PHONE] 2. [PHONE]"),
        ("Piga 0712 345 699 2 usiku.", "Piga [PHONE] 2 usiku."),
        ("0712 345 678 1990", "[PHONE] 1990"),
        ("0712 345 678 12 34", "[PHONE] 12 34"),
        ("simu:0712345678na", "simu:[PHONE]na"),
        ("0712_345_678", "[PHONE]"),
        ("+255 712 345 678/0713 345 678", "[PHONE]/[PHONE]"),
        ("05.06.2020 07 08 2021", "05.06.2020 07 08 2021"),
        ("007 008 009 010", "007 008 009 010"),
    ],
)
def test_a_number_among_other_digits_is_found(text: str, masked: str) -> None:
    assert mask_text(text, ("TZ", "KE"))[0] == masked
    assert mask_text(masked, ("TZ", "KE")) == (masked, [])
