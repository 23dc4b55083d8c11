"""Too few or too many words in prompt or answer.

Takes `messages`, gives marks. About 40,000 rows of 40 words a second, one process.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import pyarrow as pa

from lrl_datasets.filters.base import add_mark, prompts_and_answers
from lrl_datasets.filters.words import count_words


@dataclass(frozen=True)
class Length:
    """Mark `too_short` and `too_long`; the prompt is looked at first. Bounds are words, and are allowed."""

    min_prompt_words: int = 1
    min_answer_words: int = 1
    max_prompt_words: int = 4000
    max_answer_words: int = 4000
    max_characters: int = 50_000
    """Of either part: a text without spaces is one word, however long it is."""

    name: ClassVar[str] = "length"
    reasons: ClassVar[tuple[str, ...]] = ("too_short", "too_long")

    def __call__(self, table: pa.Table) -> pa.Table:
        """Return `table` with `mark.length` and `detail.length` (which part, how many words) added."""
        verdicts = [
            (None, None) if prompt is None or answer is None else self._judge(prompt, answer)
            for prompt, answer in zip(*prompts_and_answers(table), strict=True)
        ]
        return add_mark(table, self.name, [mark for mark, _ in verdicts], [detail for _, detail in verdicts])

    def _judge(self, prompt: str, answer: str) -> tuple[str | None, str | None]:
        for part, text, least, most in (
            ("prompt", prompt, self.min_prompt_words, self.max_prompt_words),
            ("answer", answer, self.min_answer_words, self.max_answer_words),
        ):
            if len(text) > self.max_characters:
                return "too_long", f"{part}: {len(text)} characters, at most {self.max_characters}"
            count = count_words(text)
            if count < least:
                return "too_short", f"{part}: {count} words, at least {least}"
            if count > most:
                return "too_long", f"{part}: {count} words, at most {most}"
        return None, None
