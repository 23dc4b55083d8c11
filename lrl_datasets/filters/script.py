"""Texts in another script than the language's.

Takes `messages`, gives marks. Letters are counted by their script outside of code, links and placeholders. Of a
language in Latin letters only texts with more than ASCII are looked at, 900,000 rows of 40 words a second in one
process; of another one every text, 60,000.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lrl_datasets.filters import placeholders
from lrl_datasets.filters.base import mark_rows, part_texts, true_rows
from lrl_datasets.filters.scripts import letters_by_script

_LEFT_OUT = rf"(?s)```.*?(?:```|\z)|`[^`\n]*`|https?://\S+|www\.\S+|{placeholders.ANY}"
"""Code, links, and the placeholders of masked data."""


@dataclass(frozen=True)
class Script:
    """Mark `wrong_script` where too many letters of prompt or answer are another script's, the prompt first.

    A prompt that is in another language by its row (`prompt_language`) is not looked at.
    """

    language: str
    """Code of the dataset's language, which ends in its script: `swh_Latn`."""
    max_share: float = 0.3
    """Most of a part's letters that may be another script's: a quoted verse, a name. Greek ones count as signs."""
    min_letters: int = 20
    """A part with fewer letters is not looked at."""

    name: ClassVar[str] = "script"
    reasons: ClassVar[tuple[str, ...]] = ("wrong_script",)

    def __call__(self, table: pa.Table) -> pa.Table:
        """Return `table` with `mark.script` and `detail.script` (which part, which share) added."""
        return mark_rows(table, self.name, self._found(table))

    def _found(self, table: pa.Table) -> Iterator[tuple[int | np.int64, str, str]]:
        script = self.language.rpartition("_")[2]
        expected = pc.fill_null(pc.equal(table["prompt_language"], self.language), True)
        for part, texts in part_texts(table).items():
            rows = true_rows(pc.match_substring_regex(texts, r"[^\x00-\x7f]" if script == "Latn" else "."))
            if part == "prompt":
                rows = rows[expected.to_numpy()[rows]]
            looked = pc.replace_substring_regex(texts.take(rows), _LEFT_OUT, " ")
            letters = letters_by_script(looked.to_pylist(), script)
            total = letters.sum(axis=1)
            share = (total - letters[:, 0]) / np.maximum(total, 1)
            for at in np.flatnonzero((share > self.max_share) & (total >= self.min_letters)):
                detail = f"{part}: {share[at]:.4f} of its letters, at most {self.max_share:g}"
                yield rows[at], "wrong_script", detail
