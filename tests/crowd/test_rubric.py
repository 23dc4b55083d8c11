"""The rubric's rule: fluency 0 makes helpfulness, accuracy and coherence 0."""

from __future__ import annotations

import pyarrow as pa

from lrl_datasets.crowd.rubric import CRITERIA, effective, means, scores


def votes(*rows: tuple[str, str, str, str]) -> pa.Table:
    return pa.Table.from_pylist(
        [dict(zip(("answer_id", "worker", "question", "label"), row, strict=True)) for row in rows]
    )


def all_criteria(answer: str, worker: str, marks: str) -> list[tuple[str, str, str, str]]:
    return [(answer, worker, question, mark) for question, mark in zip(CRITERIA, marks, strict=True)]


def test_what_is_not_understood_neither_helps_nor_is_right() -> None:
    # language, fluency, helpful, accuracy, coherence, harmless
    table = votes(*all_criteria("a", "w1", "102212"), *all_criteria("a", "w2", "212212"))
    assert effective(table)["label"].to_pylist() == list("100002") + list("212212")
    assert table["label"].to_pylist() == list("102212") + list("212212")  # the given labels stay
    assert {(row["question"], row["score"], row["n_votes"]) for row in scores(table).to_pylist()} == {
        ("language", 1.5, 2), ("fluency", 0.5, 2), ("helpful", 1.0, 2),
        ("accuracy", 1.0, 2), ("coherence", 0.5, 2), ("harmless", 2.0, 2),
    }  # fmt: skip


def test_it_is_the_same_workers_word_on_the_same_answer() -> None:
    table = votes(("a", "w1", "fluency", "0"), ("a", "w2", "helpful", "2"), ("b", "w1", "helpful", "2"))
    assert effective(table)["label"].to_pylist() == ["0", "2", "2"]


def test_other_questions_stay_as_they_are() -> None:
    table = votes(("a", "w", "helpful", "yes"), ("a", "w", "fluent", "0"))
    assert effective(table).equals(table)


def test_a_fluency_that_does_not_count_zeroes_nothing() -> None:
    table = votes(("a", "w", "fluency", "0"), ("a", "w", "helpful", "2"), ("a", "w", "coherence", "yes"))
    uncounted = table.append_column("counted", pa.array([False, True, True]))
    assert effective(uncounted)["label"].to_pylist() == ["0", "2", "yes"]
    counted = table.append_column("counted", pa.array([True, True, True]))
    assert effective(counted)["label"].to_pylist() == ["0", "0", "yes"]  # yes is no mark


def test_a_criterions_mean_is_over_answers_not_votes() -> None:
    table = votes(("a", "1", "fluency", "2"), ("a", "2", "fluency", "2"), ("a", "3", "fluency", "2"),
                  ("b", "1", "fluency", "1"), ("b", "1", "helpful", "yes"))  # fmt: skip
    assert means(table) == {"fluency": {"mean": 1.5, "answers": 2, "votes": 4}}
