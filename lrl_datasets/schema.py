"""The row contracts: what passes between sources, crowd, filters and release, as Arrow schemas.

A row enters as a `CANDIDATE` (what a source yields), gains the columns of `DERIVED` on its way through the
filters, and leaves in one of the release's configs (`SFT`, `PREFERENCE`, `ANNOTATIONS`, `REJECTED`).
A filter never drops a row: where it objects it writes a reason of `REASONS` into its own `mark.<filter>`
column; at the end the first mark in the fixed order of `FILTER_ORDER` is the row's reason.

Nothing here imports anything of ours.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterable

import pyarrow as pa

MESSAGES = pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))
LID = pa.list_(
    pa.struct(
        [("part", pa.string()), ("detector", pa.string()), ("label", pa.string()), ("score", pa.float64())]
    )
)

MARGIN_KINDS = {
    "comparisons": "2 p - 1, p the probability that the chosen answer is preferred, from people who saw both",
    "helpfulness": "the difference of the two answers' probabilities of being helpful",
}
"""What `margin` is, with what the card says of it; the two are on different scales."""

LID_DECISIONS = {
    "own": "in the dataset's language, judged by itself",
    "with_row": "short: judged in the language together with the row's other text",
    "short": "short, and so is the row: nothing speaks against the language",
    "too_short": "too short to tell",
    "other": "not in the dataset's language",
}
"""What language identification decided of a prompt or an answer, with what the card says of it."""

CREATION_METHODS = ("crowd", "native", "human_translated", "machine_translated", "cross_lingual", "templated")
HUMAN_ORIGIN = ("crowd", "native")
"""Creation methods whose rows may be held out, where the source allows it too."""

# The order is part of the contract: it is the order of the steps in `build`, and so it decides which of
# several objections a row is counted under. `answer_rules` (what `campaign.toml` holds against an answer: its worker,
# its time, a copied text) comes first of all that looks at a row: it says of the answer as it was handed in what
# `lrl crowd decide` says of it, and a worker who is refused for copying is not told in a release that he was brief.
FILTER_ORDER = (
    "source", "answer_rules", "normalise", "personal_data", "worker_ids", "identity", "length", "echo", "repetition",
    "script", "untranslated", "length_ratio", "language_id", "refusals", "truncated", "markup", "harm",
    "helpfulness_prediction", "helpfulness", "contamination", "held_out", "overlap", "duplicates",
)  # fmt: skip

ROW_RULES = FILTER_ORDER[FILTER_ORDER.index("length") : FILTER_ORDER.index("helpfulness_prediction")]
"""The filters that look at one row's texts alone, and at nothing that is joined to it."""

REASONS = {
    "unreadable": "the record could not be read; `detail` says which column and why",
    "refused_by_requester": "the platform's requester rejected the assignment",
    "not_submitted": "the assignment was skipped, expired or is still active",
    "golden": "a control task: it measures the worker, it is no answer",
    "no_answer": "the source has the question but no answer to it",
    "failed_worker": "the worker failed the control tasks",
    "skipped_in_row": "the worker skipped too many suites in a row",
    "too_fast": "handed in after far less time than the pool's tasks take",
    "too_slow": "handed in after far more time than the pool's tasks take",
    "same_text": "another worker had handed in the same text before",
    "machine_translated": "the answer is, or nearly is, a machine's translation of the English answer",
    "empty": "prompt or answer is empty after normalisation",
    "duplicate_id": "another record of the source has the same id and came first",
    "too_short": "prompt or answer has fewer words than the builder asks for",
    "too_long": "prompt or answer has more words than the builder allows",
    "answer_is_prompt": "the answer says what the prompt says and nothing else",
    "repeated_lines": "too much of prompt or answer is lines that stood before in it",
    "repeated_ngrams": "too much of prompt or answer is runs of words that stood before in it",
    "repeated_characters": "too much of prompt or answer is one short unit again and again",
    "wrong_script": "too many letters of prompt or answer are of another script",
    "untranslated_prompt": "the row is a translation, and its prompt is still English",
    "untranslated_answer": "the row is a translation, and its answer is still English",
    "translation_too_short": "prompt or answer is far shorter than the English that it translates",
    "translation_too_long": "prompt or answer is far longer than the English that it translates",
    "wrong_language_prompt": "the prompt is not in the dataset's language",
    "wrong_language_answer": "the answer is not in the dataset's language",
    "says_model": "the answer says that a language model wrote it",
    "refusal": "the answer declines to do what is asked",
    "truncated": "the answer ends in the middle",
    "unbalanced_markup": "tags, formulas, code or brackets of prompt or answer do not close",
    "unjudged": "no counted vote judged the answer and the builder does not let such rows pass",
    "unhelpful": "the crowd's posterior that the answer is helpful is below the builder's threshold",
    "predicted_unhelpful": "nobody judged the answer, and a model's prediction is below the builder's threshold for it",
    "suite_leak": "the row shares a text or an original with the evaluation suite",
    "held_out_relative": "the row may not be held out, but its group is",
    "held_out_overlap": "the row is for training, and a text of a held-out row stands in it, whole or nearly",
    "duplicate": "another row of its near-duplicate cluster stays",
}
"""The closed set of reasons in `rejected`, with what the card says of each."""

JUDGEMENT_REASONS = {
    "unreadable": "the judgement could not be read; the maintainers' quarantine file has its row and column",
    "refused_by_requester": "the platform's requester rejected the assignment",
    "not_submitted": "the assignment was skipped, expired or is still active",
    "golden": "a control task: it measures the worker, it is no vote",
    "unknown_answer": "the judged answer is not among the campaign's answers",
    "text_changed": "the judged text is not the answer's text any more",
    "own_answer": "the worker wrote the judged answer",
    "failed_training": "the worker got too few training tasks right",
    "failed_exam": "the worker has not passed the exam",
    "failed_worker": "the worker failed the control tasks",
    "skipped_in_row": "the worker skipped too many suites in a row",
    "too_fast": "given in far less time than the pool's tasks take",
    "too_slow": "given in far more time than the pool's tasks take",
    "one_answer": "the worker gave one label to nearly everything where the others did not",
    "against_majority": "the worker agrees with the majority too seldom",
    "repeated_vote": "the same worker judged the same answer more than once; the first by label counts",
}
"""The closed set of reasons why a judgement is not counted, in the order in which they are tried."""

# ---- what a source yields -------------------------------------------------------------------------------

_PRIVATE = [
    ("file", pa.string()),  # path as named in the campaign or source, for messages and the quarantine file
    ("file_sha256", pa.string()),
    ("row", pa.int64()),  # 1-based line on which the record starts (header = 1); 1-based index in Parquet
    ("record", pa.string()),  # the record's own id in its source (`train/17`, a Toloka record id), null: none
    ("worker", pa.string()),  # raw worker id; never leaves a build
    ("assignment", pa.string()),  # the suite of tasks handed out together: what a platform accepts and pays
    ("status", pa.string()),  # one of `STATUSES`, null where the format has none
    ("started", pa.timestamp("us")),  # UTC
    ("submitted", pa.timestamp("us")),  # UTC
    ("reward", pa.float64()),  # what the platform says it pays for the suite
]

JUDGING = ("judgement", "preference")
"""The kinds of a campaign's stages whose records are judgements: of one answer, or of two beside each other."""

STATUSES = ("active", "submitted", "accepted", "rejected", "skipped", "expired")
"""What may have become of an assignment; `submitted` waits for the requester's word."""

PROVENANCE = [
    ("id", pa.string()),
    ("content_hash", pa.string()),
    ("language", pa.string()),
    ("prompt_language", pa.string()),
    ("source", pa.string()),
    ("source_id", pa.string()),
    ("source_revision", pa.string()),
    ("source_score", pa.float64()),
    ("license", pa.string()),
    ("creation_method", pa.string()),
    ("lineage", pa.list_(pa.string())),
    ("model_name", pa.string()),
    ("annotator", pa.string()),
    ("helpfulness", pa.float64()),
    ("helpfulness_kind", pa.string()),
    ("n_votes", pa.int32()),
    ("agreement", pa.float64()),
    ("lid_label", pa.string()),
    ("lid_score", pa.float64()),
    ("lid", LID),
    ("lid_prompt", pa.string()),  # one of `LID_DECISIONS`
    ("lid_answer", pa.string()),
    (
        "mixed_prompt",
        pa.float64(),
    ),  # share of its words in the language that people mix in (English), null: not measured
    ("mixed_answer", pa.float64()),
    ("cluster", pa.string()),
    ("group", pa.string()),
    (
        "flags",
        pa.list_(pa.string()),
    ),  # what is told of a row and refuses none: `harm:insult:2`; null: nobody looked
]

_FROM_SOURCE = (
    "language", "prompt_language", "source", "source_revision", "source_score",
    "license", "creation_method", "lineage", "model_name",
)  # fmt: skip

CANDIDATE = pa.schema(
    [
        *_PRIVATE,
        ("may_hold_out", pa.bool_()),  # the builder allows the source's rows in validation and test
        ("may_be_unjudged", pa.bool_()),  # the builder lets the source's rows pass without a vote
        ("keyed_id", pa.bool_()),  # the record's own id is private: hash it with the pseudonym key
        ("messages", MESSAGES),  # null where the record could not be read
        (
            "machine_translation",
            pa.string(),
        ),  # of the English answer, where the campaign has one to compare with
        ("english", MESSAGES),  # what it was translated from, where the source has it; never published
        ("golden", pa.string()),  # the expected answer of a control task, null on ordinary tasks
        *[field for field in PROVENANCE if field[0] in _FROM_SOURCE],
        ("mark.source", pa.string()),
        ("detail.source", pa.string()),
    ]
)
"""One record as a source yields it; one row a record, also for records that could not be read."""

JUDGEMENT = pa.schema(
    [
        *_PRIVATE,  # `record` is the judged answer's record id, null for a golden item without one
        ("source", pa.string()),  # name of the source (the campaign), as in its candidates
        ("text", pa.string()),  # the judged answer as it was shown, null where the pool did not carry it
        # Of a comparison: `record` and `text` are what was shown left (first), these what was shown right.
        ("other_record", pa.string()),
        ("other_text", pa.string()),
        ("question", pa.string()),  # what was asked, e.g. `helpful`
        ("label", pa.string()),  # raw label, null where it could not be read
        ("golden", pa.string()),  # the true label of a control task, null on ordinary tasks
        ("duration_s", pa.float64()),  # seconds: the suite's time divided by its tasks, null if unknown
        ("batch", pa.string()),  # the export: first 12 hex digits of the hash that the manifest names it by
        ("reason", pa.string()),  # `unreadable`, `not_submitted`, `refused_by_requester` or null
        ("detail", pa.string()),
    ]
)
"""One judgement as a source yields it."""

# ---- what a release holds -------------------------------------------------------------------------------

SFT = pa.schema([PROVENANCE[0], ("messages", MESSAGES), *PROVENANCE[1:]])
"""Config `default`: one accepted conversation a row."""

REJECTED = pa.schema([*SFT, ("reason", pa.string()), ("filter", pa.string()), ("detail", pa.string())])
"""Config `rejected`: one refused record a row; `messages` is null where unreadable or a suite leak."""

PREFERENCE = pa.schema(
    [
        ("id", pa.string()),
        ("chosen", MESSAGES),
        ("rejected", MESSAGES),
        ("margin", pa.float64()),
        ("chosen_id", pa.string()),
        ("rejected_id", pa.string()),
        *PROVENANCE[1:],
        ("margin_kind", pa.string()),  # one of `MARGIN_KINDS`
        ("margin_low", pa.float64()),  # ends of the 95 % interval, null of helpfulness
        ("margin_high", pa.float64()),
        ("n_comparisons", pa.int32()),  # counted comparisons of the two, null of helpfulness
    ]
)
"""Config `preference`: two answers to one prompt, one better (TRL's preference type, conversational).

The provenance is the chosen row's; the other one, `rejected_id`, has the same source and licence.
"""

ANNOTATIONS = pa.schema(
    [
        ("answer_id", pa.string()),
        ("question", pa.string()),
        ("worker", pa.string()),
        ("label", pa.string()),
        ("golden", pa.string()),
        ("counted", pa.bool_()),
        ("reason", pa.string()),
        ("duration_s", pa.float64()),
        ("batch", pa.string()),
        ("golden_item", pa.string()),  # which control task it is (keyed), null on ordinary tasks
        ("other_id", pa.string()),  # of a comparison: what was shown right of `answer_id`; null elsewhere
    ]
)
"""Config `annotations`: one judgement a row; of a comparison the label says which side was better."""

SPLIT_MAP = pa.schema([("id", pa.string()), ("split", pa.string()), ("content_hash", pa.string())])
"""`split_map.parquet`: one record that was ever read; the hash is of its text when it was read last."""

CONFIGS = {"default": SFT, "preference": PREFERENCE, "annotations": ANNOTATIONS, "rejected": REJECTED}
SPLITS = ("train", "validation", "test")


# ---- ids ------------------------------------------------------------------------------------------------


def digest(*parts: str, key: bytes | None = None, length: int = 24) -> str:
    """Hash strings into `length` hex digits; with `key` an HMAC, so that who lacks it cannot test guesses.

    The parts are joined as JSON, so ("a", "b") and ("ab",) differ.
    """
    data = f"[{','.join(map(_as_json, parts))}]".encode("utf-8", "surrogatepass")
    if key is None:
        return hashlib.sha256(data).hexdigest()[:length]
    return hmac.new(key, data, hashlib.sha256).hexdigest()[:length]


def _as_json(part: str) -> str:
    """Write a string as `json.dumps(part, ensure_ascii=False)` does, at a third of the cost."""
    return json.encoder.encode_basestring(part) if isinstance(part, str) else json.dumps(part)


def candidates(rows: Iterable[dict[str, object]]) -> pa.Table:
    """Build a `CANDIDATE` table from dictionaries; absent columns are null, unknown ones an error."""
    return _table(rows, CANDIDATE)


def judgements(rows: Iterable[dict[str, object]]) -> pa.Table:
    """Build a `JUDGEMENT` table from dictionaries; absent columns are null, unknown ones an error."""
    return _table(rows, JUDGEMENT)


def _table(rows: Iterable[dict[str, object]], schema: pa.Schema) -> pa.Table:
    listed = list(rows)
    unknown = set().union(*listed) - set(schema.names)
    if unknown:
        raise KeyError(f"columns outside the contract: {sorted(unknown)}")
    return pa.Table.from_pylist(listed, schema=schema)
