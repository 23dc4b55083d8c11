from __future__ import annotations

import math

import pyarrow as pa

from lrl_datasets import schema
from lrl_datasets.filters.base import add_column
from lrl_datasets.filters.helpfulness import Helpfulness


def test_every_case() -> None:
    messages = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
    cases = [  # helpfulness, votes, may pass unjudged → mark
        (0.9, 3, False, None),
        (0.5, 3, False, None),
        (0.4999, 3, True, "unhelpful"),
        (None, 0, False, "unjudged"),
        (None, None, None, "unjudged"),
        (None, None, True, None),
    ]
    table = schema.candidates(
        [*({"messages": messages, "may_be_unjudged": case[2]} for case in cases), {"messages": None}]
    )
    table = add_column(table, "helpfulness", [*(case[0] for case in cases), None], pa.float64())
    table = add_column(table, "n_votes", [*(case[1] for case in cases), None], pa.int32())
    marked = Helpfulness(minimum=0.5)(table)
    assert marked["mark.helpfulness"].to_pylist() == [*(case[3] for case in cases), None]
    assert marked["detail.helpfulness"][2].as_py() == "0.4999 < 0.5, 3 votes"


def test_the_threshold_of_a_source_holds_where_a_precision_is_wanted() -> None:
    messages = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
    cases = [(0.7, 0.8, "unhelpful"), (0.8, 0.8, None), (0.6, None, None), (0.99, math.inf, "unhelpful")]
    table = schema.candidates([{"messages": messages} for _ in cases])
    for name, at in (("helpfulness", 0), ("accept_from", 1)):
        table = add_column(table, name, [case[at] for case in cases], pa.float64())
    table = add_column(table, "n_votes", [3] * len(cases), pa.int32())
    marked = Helpfulness(0.5, precision=0.9)(table)
    assert marked["mark.helpfulness"].to_pylist() == [case[2] for case in cases]
    assert "no answer reaches the precision" in marked["detail.helpfulness"][3].as_py()
    assert Helpfulness(0.5)(table)["mark.helpfulness"].to_pylist() == [None] * 4  # none is wanted
