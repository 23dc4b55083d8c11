from __future__ import annotations

import math
import pickle
from pathlib import Path

import pyarrow as pa
import pytest

from lrl_datasets.errors import LrlError
from lrl_datasets.filters.base import add_column
from lrl_datasets.filters.helpfulness import Helpfulness
from lrl_datasets.filters.helpfulness_model import load, write
from lrl_datasets.filters.helpfulness_prediction import HelpfulnessPrediction, where_nobody_judged
from tests.filters.conversations import conversations, details, marks
from tests.filters.models import model, written

LONG = model({"answer words (log)": 1.0}, intercept=-1.0)
"""log odds = log(words) - 1: one word .27, three .52, ten .79."""


def rows() -> pa.Table:
    answers = ["moja", "moja mbili tatu", "moja " * 10, "moja", "moja", "moja " * 9000]
    table = conversations([("Je?", text) for text in answers] + [None], may_be_unjudged=True)
    table = add_column(table, "may_be_unjudged", [True, True, True, False, True, True, True], pa.bool_())
    table = add_column(table, "helpfulness", [None, None, None, None, 0.9, None, None], pa.float64())
    table = add_column(table, "helpfulness_kind", [None] * 4 + ["votes", None, None], pa.string())
    return add_column(table, "n_votes", [None] * 4 + [3, None, None], pa.int32())


def test_unjudged_rows_are_predicted_and_the_others_keep_what_people_said() -> None:
    done = where_nobody_judged(HelpfulnessPrediction(written(LONG))(rows()))
    said = [round(1 / (1 + math.exp(1 - math.log(n))), 4) for n in (1, 3, 10)]
    # 9,000 words count as e⁹, the largest that the model has seen.
    assert done["helpfulness"].to_pylist() == [*said, None, 0.9, 0.9997, None]
    assert done["helpfulness_kind"].to_pylist() == [*["predicted"] * 3, None, "votes", "predicted", None]
    assert done["outside_fit"].to_pylist() == [False, False, False, None, False, True, None]
    assert marks(Helpfulness(), done) == ["predicted_unhelpful", None, None, "unjudged", None, None, None]
    assert details(Helpfulness(), done)[0] == "0.2689 < 0.5, predicted"
    assert marks(Helpfulness(minimum_predicted=0.6), done)[1] == "predicted_unhelpful"


def test_cuts_and_processes_change_nothing(tmp_path: Path) -> None:
    step = pickle.loads(pickle.dumps(HelpfulnessPrediction(written(LONG))))
    table = rows()
    parts = pa.concat_tables([step(table.slice(0, 2)), step(table.slice(2))])
    assert parts.to_pylist() == step(table).to_pylist()


def test_a_file_that_is_no_model_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.json"
    with pytest.raises(LrlError, match="cannot be read"):
        load(path)
    path.write_text("{}")
    with pytest.raises(LrlError, match=r"model\.json: format: Field required"):
        load(path)
    write(LONG.model_copy(update={"features": LONG.features[1:]}), path)
    with pytest.raises(LrlError, match="fit it again"):
        load(path)
    write(LONG.model_copy(update={"intercept": float("inf")}), path)
    with pytest.raises(LrlError, match="intercept: Input should be a finite number"):
        load(path)
    with pytest.raises(LrlError, match="it is of swh_Latn, and the builder's language is hau_Latn"):
        HelpfulnessPrediction(written(LONG)).check("hau_Latn")
    with pytest.raises(LrlError, match="SAMPLE"):
        HelpfulnessPrediction(written(LONG)).check_sample(False)


def test_a_file_that_changed_is_refused(tmp_path: Path) -> None:
    step = HelpfulnessPrediction(written(LONG, tmp_path / "model.json"))
    written(model({}), tmp_path / "model.json")
    with pytest.raises(LrlError, match="changed since this build began"):
        step(rows())


def test_the_same_model_is_the_same_bytes(tmp_path: Path) -> None:
    first, second = (written(one, tmp_path / name) for one, name in ((LONG, "a"), (load(written(LONG)), "b")))
    assert first.read_bytes() == second.read_bytes()
