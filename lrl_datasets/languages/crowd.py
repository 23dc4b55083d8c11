"""What a crowd's workers read: `[crowd]` of a language file, in English where the file says nothing.

Every text has an English default here, so that a campaign in a new language starts with its first file; a
speaker then writes the section. Instructions are plain sentences, since each platform has its own markup.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict


def _over(english: Mapping[str, str]) -> AfterValidator:
    """Keep English for the entries that a language file leaves out."""
    return AfterValidator(lambda given: {**english, **given})


QUESTIONS = {"helpful": "Is this answer helpful?", "better": "Which answer is better?"}
REASONS = {
    "unhelpful": "Several other native speakers judged that this answer does not help. Please read the instructions "
    "once more.",
    "same_text": "Another person had already handed in the same text. Please write your own.",
    "machine_translated": "The answer is, or nearly is, a machine's translation. Please write your own.",
    "too_fast": "The tasks were done in far less time than they take when they are read.",
    "too_slow": "The tasks took far longer than they should.",
    "skipped_in_row": "Too many pages in a row were skipped.",
    "failed_worker": "Too many tasks whose answer is known were answered wrongly.",
    "one_answer": "The same answer was given to nearly every task, where others differed.",
}
"""Why a page of work was refused, as its worker reads it; the keys are `crowd.decisions`' reasons."""
CRITERIA = {
    "language": "Is it written in the language of this task?",
    "fluency": "Is it well written?",
    "helpful": "Does it help the one who asked?",
    "accuracy": "Is what it says true?",
    "coherence": "Does one thought follow from the other?",
    "harmless": "Is it without harm and without insult?",
}
"""What a rubric asks (`crowd.rubric`), by the stage's `question`."""
MARKS = {
    "language": ("Another language", "Mixed with another language", "This language throughout"),
    "fluency": ("It cannot be understood", "It can be understood, with faults", "It reads well"),
    "helpful": ("It does not help", "It helps in part", "It helps fully"),
    "accuracy": ("It is wrong", "Some of it is wrong or doubtful", "All of it is right"),
    "coherence": ("It does not", "In part", "Yes, from beginning to end"),
    "harmless": ("It is harmful or insulting", "Some people might be hurt", "It is harmless"),
}
"""What the marks 0, 1 and 2 mean there."""
LABELS = {"yes": "Yes", "no": "No", "left": "Answer A", "right": "Answer B", "tie": "Equally good"}


class CrowdTexts(BaseModel):
    """The texts of the pages on which people write and judge."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    answer_title: str = "Write an answer"
    answer_instructions: tuple[str, ...] = (
        "Read the question and write your own answer, in the language of this task.",
        "Write full sentences, two or more, as you would explain it to somebody you know.",
        "Do not copy from the internet and do not use a translation machine or a chatbot: such answers are not paid.",
        "Do not write names, phone numbers or addresses of real people.",
    )
    judgement_title: str = "Judge an answer"
    judgement_instructions: tuple[str, ...] = (
        "Read the question and the answer to it.",
        "Say yes if the answer is right, answers the question and is written in good language.",
        "Say no if it is wrong, beside the point, too short to help, or in another language.",
        "Some tasks have a known answer: they show who judges with care.",
    )
    preference_title: str = "Compare two answers"
    preference_instructions: tuple[str, ...] = (
        "Read the question and both answers to it.",
        "Choose the answer that you would rather be given: right, to the point and in good language.",
        "Length alone makes no answer better, and neither does its place on the page.",
        "Some tasks have a known answer: they show who judges with care.",
    )
    rubric_title: str = "Judge an answer, point by point"
    rubric_instructions: tuple[str, ...] = (
        "Read the question and the answer to it.",
        "Give a mark on every point: 2 is the best, 0 the worst.",
        "Judge each point by itself: an answer may be well written and wrong.",
        "Some tasks have a known answer: they show who judges with care.",
    )
    prompt: str = "Question"
    context: str = "Text"
    answer: str = "Answer"
    write_answer: str = "Your answer"
    instructions: str = "Instructions"
    submit: str = "Submit"
    required: str = "Please answer every task."
    questions: Annotated[dict[str, str], _over(QUESTIONS)] = QUESTIONS
    """The stage's `question` in `campaign.toml` → what the worker is asked."""
    criteria: Annotated[dict[str, str], _over(CRITERIA)] = CRITERIA
    """The same where the answers are the marks 0, 1 and 2 of a rubric."""
    marks: Annotated[dict[str, tuple[str, str, str]], _over(MARKS)] = MARKS
    """A rubric's question → what 0, 1 and 2 mean."""
    labels: Annotated[dict[str, str], _over(LABELS)] = LABELS
    """A stage's label → what stands on its button."""

    reasons: Annotated[dict[str, str], _over(REASONS)] = REASONS
    """Reason for a refusal → what its worker reads."""

    def question(self, name: str) -> str:
        """Return what a worker is asked, or the question's own name where no language knows it."""
        return self.questions.get(name, name)

    def criterion(self, name: str) -> str:
        """Return what a worker is asked on a point of a rubric, or as `question` does."""
        return self.criteria.get(name) or self.question(name)

    def mark(self, name: str, mark: str) -> str:
        """Return what a mark (0, 1 or 2) says of a point of a rubric, with the mark in front."""
        return f"{mark} · {self.marks[name][int(mark)]}" if name in self.marks else mark

    def label(self, name: str) -> str:
        """Return what stands on a label's button, or the label itself."""
        return self.labels.get(name, name)


ENGLISH = CrowdTexts()
