from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from lrl_datasets import languages, schema
from lrl_datasets.errors import LrlError
from lrl_datasets.sources.cells import Unreadable
from lrl_datasets.sources.question_answer import QuestionAnswer, parse_answers

SOURCE = QuestionAnswer(
    "qa", "someone/qa", "main", language="swh_Latn", license="cc-by-4.0", may_be_unjudged=True
)


def lines(*rows: dict[str, object]) -> bytes:
    whole = {"id": 0, "question": "Mji mkuu wa Kenya ni upi?", "answers": "['Nairobi']", "split": "train"}
    return b"".join(json.dumps(whole | row).encode() + b"\n" for row in rows)


@pytest.mark.parametrize(
    ("cell", "answers"),
    [
        ("['Nairobi']", ["Nairobi"]),
        ("['a', \"b'c\", 7]", ["a", "b'c", "7"]),
        ("('a',)", ["a"]),
        ("[]", []),
        ("['', ' ']", []),
        (["a"], ["a"]),
        (r"['\d']", [r"\d"]),
        ("['Sha'ban']", None),
        ("", None),
        ("Nairobi", None),
        ("'Nairobi'", None),
        ("[['a']]", None),
        ("[None]", None),
        ("[True]", None),
        (r"['\ud800']", None),
        ("__import__('os').getcwd()", None),
        ("[" * 5000, None),
        (None, None),
        (7, None),
    ],
)
def test_answers_are_literals(cell: object, answers: list[str] | None) -> None:
    if answers is None:
        with pytest.raises(Unreadable, match=r"^column answers "):
            parse_answers(cell, "answers")
    else:
        assert parse_answers(cell, "answers") == answers


def test_rows(tmp_path: Path) -> None:
    path = tmp_path / "queries.train.json"
    path.write_bytes(
        lines({"id": 3})
        + b'{"id": 4, "question\n'
        + lines({"id": 5, "answers": "[]"}, {"id": 6, "answers": "['a'b']"}, {"id": 7, "question": " "})
        + b'{"id": 8, "question": "\xff"}\n'
        + lines({"id": 9, "split": "dev"}, {"id": 10, "split": None})
    )
    tables = SOURCE.read(path)
    assert tables.candidates.schema == schema.CANDIDATE
    rows = tables.candidates.to_pylist()
    assert [(r["row"], r["record"], r["mark.source"]) for r in rows] == [
        (1, "train/3", None),
        (2, None, "unreadable"),
        (3, "train/5", "no_answer"),
        (4, None, "unreadable"),
        (5, None, "unreadable"),
        (6, None, "unreadable"),
        (8, "train/10", None),
    ]
    assert rows[3]["detail.source"] == "column answers is no list that parses"
    prompt, answer = languages.load("swh_Latn").templates.question_answer.render(
        "Mji mkuu wa Kenya ni upi?", ["Nairobi"], key="Mji mkuu wa Kenya ni upi?"
    )
    assert rows[0]["messages"] == [
        {"role": "user", "content": prompt},
        {"role": "assistant", "content": answer},
    ]
    assert "Mji mkuu wa Kenya ni upi?" in prompt and "Nairobi" in answer
    assert rows[2]["messages"] == [{"role": "user", "content": prompt}, {"role": "assistant", "content": ""}]
    assert rows[0]["creation_method"] == "templated" and rows[0]["lineage"] == ["someone/qa:train/3"]
    assert tables.left_out == {"evaluation data: split dev in queries.train.json": 1}
    assert tables.inputs[0].records == 8 == tables.candidates.num_rows + 1
    assert [row for _, row, _ in tables.quarantine] == [2, 4, 5, 6]
    assert tables.quarantine[0][2] == b'{"id": 4, "question\n'
    assert SOURCE.read(path).candidates.equals(tables.candidates)


def test_evaluation_data_is_only_counted(tmp_path: Path) -> None:
    for name in ("queries.train.json", "queries.dev.json", "queries.test.json"):
        (tmp_path / name).write_bytes(lines({}, {"id": 1}))
    tables = SOURCE.read(tmp_path)
    assert tables.candidates.num_rows == 2
    assert tables.left_out == {
        "evaluation data: queries.dev.json": 2,
        "evaluation data: queries.test.json": 2,
    }
    with pytest.raises(LrlError, match=r"queries\.dev\.json: this is evaluation data"):
        SOURCE.read(tmp_path / "queries.dev.json")


def test_missing_column(tmp_path: Path) -> None:
    path = tmp_path / "train.jsonl"
    path.write_text('{"id": 1, "question": "Nani?"}\n')
    with pytest.raises(
        LrlError, match=r"^train\.jsonl: column 'answers' is missing; there are: id, question"
    ):
        SOURCE.read(path)


@pytest.mark.data
def test_afriqa_as_published(data_dir: Path) -> None:
    tables = SOURCE.read(data_dir / "afriqa" / "swa")
    marks = Counter(tables.candidates["mark.source"].to_pylist())
    assert marks == {None: 224, "no_answer": 189, "unreadable": 2}
    assert tables.inputs[0].records == 415 and len(tables.quarantine) == 2
    assert tables.left_out == {"evaluation data: queries.dev.json": 417}
    records = [record for record in tables.candidates["record"].to_pylist() if record]
    assert len(set(records)) == len(records) == 413
    prompts = [messages[0]["content"] for messages in tables.candidates["messages"].to_pylist() if messages]
    assert max(Counter(prompt.split()[0] for prompt in prompts).values()) < 200  # several phrasings
