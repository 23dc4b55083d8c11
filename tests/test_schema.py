"""The hash by which everything is named."""

from __future__ import annotations

import hashlib
import json

from hypothesis import given
from hypothesis import strategies as st

from lrl_datasets import schema


@given(st.lists(st.text() | st.text('a"\\/\n\x00\x1f\x7f\u2028\ud800'), max_size=4))
def test_a_digest_is_of_the_parts_as_json(parts: list[str]) -> None:
    plain = json.dumps(parts, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")
    assert schema.digest(*parts, length=64) == hashlib.sha256(plain).hexdigest()


def test_parts_stay_apart() -> None:
    assert schema.digest("a", "b") != schema.digest("ab") != schema.digest('a","b')
