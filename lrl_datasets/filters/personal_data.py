"""Personal data, masked in the text: what leads to a person, an account or a machine.

Takes `messages`, gives them masked, and the column `masked` with the kinds found. Which kinds there are stands
in `placeholders`, what each is in `online` (email addresses, links with a secret, IP addresses, handles),
`identifiers` (cards, IBANs, ids) and `phone_numbers`; names only where a model is given. One regular expression
over Arrow's strings says which messages need a closer look: about 200,000 rows of 40 words a second without anything
to look at, 300 where each has a phone number, one process.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from lrl_datasets.filters import identifiers, online, phone_numbers, placeholders
from lrl_datasets.filters.base import add_column, add_mark
from lrl_datasets.filters.hub_models import NameModel
from lrl_datasets.filters.placeholders import PLACEHOLDERS, blanked, placeholder


@dataclass(frozen=True)
class PersonalData:
    """Mask personal data. It objects to no row."""

    regions: tuple[str, ...]
    """ISO 3166 countries whose phone numbers and ids are recognised by their form, the likeliest first."""
    cues: tuple[str, ...] = ()
    """Words of the language before a phone number, see `phone_numbers`."""
    id_cues: tuple[str, ...] = ()
    """Words of the language before a number that is somebody's id or account, see `identifiers`."""
    names: NameModel | None = None
    """A model that finds people's names, in every text; without one they stay."""

    name: ClassVar[str] = "personal_data"
    reasons: ClassVar[tuple[str, ...]] = ()

    def __call__(self, table: pa.Table) -> pa.Table:
        """Return `table` with `messages` masked and `masked` (list<string>, one entry a find) added."""
        chunks = [self._chunk(chunk) for chunk in table["messages"].chunks]
        kind = table.schema.field("messages").type
        masked = pa.list_(pa.string())
        table = add_column(table, "messages", pa.chunked_array([one for one, _ in chunks], kind), kind)
        table = add_column(table, "masked", pa.chunked_array([one for _, one in chunks], masked), masked)
        return add_mark(table, self.name, pa.nulls(table.num_rows, pa.string()))

    def find(self, text: str) -> list[Find]:
        """Find what is masked in one text."""
        return find(text, self.regions, self.cues, self.id_cues, self.names)

    def _chunk(self, messages: pa.ListArray) -> tuple[pa.ListArray, pa.ListArray]:
        contents = pc.fill_null(pc.struct_field(messages.flatten(), "content"), "")
        hits = pc.match_substring_regex(contents, _needed_re2()).to_numpy(zero_copy_only=False)
        needed = np.flatnonzero(hits) if self.names is None else np.arange(len(contents))
        rows = pc.list_parent_indices(messages).to_numpy()[needed]
        changed: dict[int, str] = {}
        kinds: list[list[str]] = []
        of_row: list[int] = []
        looked_at = contents.take(pa.array(needed)).to_pylist()
        for row, start, end in _runs(rows):
            texts, found = mask_texts(looked_at[start:end], self.regions, self.cues, self.id_cues, self.names)
            if found:
                changed.update(zip(needed[start:end].tolist(), texts, strict=True))
                kinds.append(found)
                of_row.append(row)
        return _replaced(messages, contents, changed), _kinds(messages, of_row, kinds)


class Find(NamedTuple):
    """One thing to mask."""

    start: int
    end: int
    kind: str
    key: str
    """The thing itself, in one spelling: equal keys are the same thing."""


def mask_text(
    text: str, regions: Sequence[str], cues: Sequence[str] = (), id_cues: Sequence[str] = ()
) -> tuple[str, list[str]]:
    """Mask one text that stands alone, see `mask_texts`."""
    texts, kinds = mask_texts([text], regions, cues, id_cues)
    return texts[0], kinds


def mask_texts(
    texts: Sequence[str],
    regions: Sequence[str],
    cues: Sequence[str] = (),
    id_cues: Sequence[str] = (),
    names: NameModel | None = None,
) -> tuple[list[str], list[str]]:
    """Put typed placeholders in the place of personal data, the same one for the same thing in all texts.

    Parameters
    ----------
    texts
        Normalised texts of one row, in reading order.
    regions
        ISO 3166 codes; the order does not matter to the result.
    cues, id_cues
        Words of the language that stand before a phone number, and before a number that is an id, in any case.
    names
        A model that finds people's names.

    Returns
    -------
    tuple
        The masked texts, and the kind (of `placeholders.PLACEHOLDERS`) of each thing masked, in the order of the
        kinds. Masking the result again changes nothing, a model's names apart.
    """
    numbers: dict[str, dict[str, int]] = {}
    masked, kinds = [], []
    for text in texts:
        finds = find(text, regions, cues, id_cues, names)
        told = []
        for one in finds:
            known = numbers.setdefault(one.kind, {})
            told.append(placeholder(one.kind, known.setdefault(one.key, len(known) + 1)))
        masked.append(_put(text, finds, told))
        kinds += [one.kind for one in finds]
    order = list(PLACEHOLDERS)
    return masked, sorted(kinds, key=order.index)


def find(
    text: str,
    regions: Sequence[str],
    cues: Sequence[str] = (),
    id_cues: Sequence[str] = (),
    names: NameModel | None = None,
) -> list[Find]:
    """Find personal data in one text: disjoint, in reading order.

    What is left when something is masked may be told apart better than before, so the masked text is looked at
    again until nothing more is found.
    """
    finds: list[Find] = []
    found = _needed().search(text) is not None
    while found:
        plain = [PLACEHOLDERS[one.kind] for one in finds]
        more = _find(blanked(_put(text, finds, plain)), tuple(regions), tuple(cues), tuple(id_cues))
        finds = sorted([*finds, *(_in_original(one, finds, plain) for one in more)])
        found = bool(more)
    if names is not None:
        finds = sorted([*finds, *_names(text, finds, names)])
    return finds


def _names(text: str, finds: Sequence[Find], model: NameModel) -> Iterator[Find]:
    """Yield people's names in a text in which everything else is masked; placeholders are no names."""
    plain = [PLACEHOLDERS[one.kind] for one in finds]
    masked = _put(text, finds, plain)
    taken = [found.span() for found in re.finditer(placeholders.ANY, masked)]
    for start, end in model.spans(masked):
        if all(end <= a or start >= b for a, b in taken):
            yield _in_original(Find(start, end, "name", masked[start:end].casefold()), finds, plain)


def _find(text: str, regions: tuple[str, ...], cues: tuple[str, ...], id_cues: tuple[str, ...]) -> list[Find]:
    """Find what is to be masked; where two finds overlap, the one whose form says more stays."""
    phones, phones_after_cue = phone_numbers.phone_spans(text, regions, cues)
    by_certainty: tuple[tuple[str, Iterable[tuple[int, int]]], ...] = (
        ("link", online.links(text)),
        ("email", online.emails(text)),
        ("iban", identifiers.ibans(text)),
        ("card", identifiers.cards(text)),
        ("id", identifiers.ids(text, regions)),
        ("ip", online.ip_addresses(text)),
        ("phone", phones),
        ("id", identifiers.ids_after_cue(text, id_cues)),
        ("phone", phones_after_cue),
        ("handle", online.handles(text)),
    )
    finds: list[Find] = []
    for kind, spans in by_certainty:
        for start, end in spans:
            if all(end <= one.start or start >= one.end for one in finds):
                finds.append(Find(start, end, kind, _key(kind, text[start:end], regions)))
    return finds


def _key(kind: str, found: str, regions: tuple[str, ...]) -> str:
    if kind == "phone":
        return phone_numbers.number_of(found, regions)
    if kind in ("card", "iban", "id"):
        return re.sub(r"\W", "", found)
    return found.casefold().removeprefix("mailto:").removeprefix("@")


def _put(text: str, finds: Sequence[Find], names: Sequence[str]) -> str:
    pieces, at = [], 0
    for find, name in zip(finds, names, strict=True):
        pieces += [text[at : find.start], name]
        at = find.end
    return "".join([*pieces, text[at:]])


def _in_original(found: Find, finds: Sequence[Find], names: Sequence[str]) -> Find:
    """Return where a find stands in the text in which `finds` had not been replaced by their names."""
    start = found.start
    for one, name in zip(finds, names, strict=True):
        if one.start < start:
            start += one.end - one.start - len(name)
    return found._replace(start=start, end=start + found.end - found.start)


# ---- over Arrow's columns -------------------------------------------------------------------------------

_Places = npt.NDArray[np.int64]

_NEEDED = "|".join((phone_numbers.NEEDED, identifiers.NEEDED, online.NEEDED))


@cache
def _needed() -> re.Pattern[str]:
    return re.compile(_NEEDED)


def _needed_re2() -> str:
    """Return the pattern as Arrow's RE2 reads it, whose digits are ASCII's alone."""
    return _NEEDED.replace(r"\d", r"\p{Nd}").replace(r"\D", r"\P{Nd}")


def _runs(rows: _Places) -> Iterator[tuple[int, int, int]]:
    """Yield each row of a sorted list of rows, with where it begins and ends in the list."""
    starts = np.flatnonzero(np.diff(rows, prepend=-1))
    for start, end in zip(starts, np.append(starts, len(rows))[1:], strict=True):
        yield int(rows[start]), int(start), int(end)


def _replaced(messages: pa.ListArray, contents: pa.StringArray, changed: dict[int, str]) -> pa.ListArray:
    """Return the conversations with the changed contents in the place of the old ones."""
    mask = np.zeros(len(contents), dtype=bool)
    mask[list(changed)] = True
    contents = pc.replace_with_mask(contents, mask, pa.array(changed.values(), pa.string()))
    roles = pc.struct_field(messages.flatten(), "role")
    turns = pa.StructArray.from_arrays([roles, contents], fields=list(messages.type.value_type))
    return _listed(messages, pc.fill_null(pc.list_value_length(messages), 0).to_numpy(), turns)


def _kinds(messages: pa.ListArray, of_row: list[int], kinds: list[list[str]]) -> pa.ListArray:
    lengths = np.zeros(len(messages), dtype=np.int64)
    lengths[of_row] = list(map(len, kinds))
    return _listed(messages, lengths, pa.array([kind for found in kinds for kind in found], pa.string()))


def _listed(messages: pa.ListArray, lengths: _Places, values: pa.Array) -> pa.ListArray:
    """Cut values into lists, null where a conversation is."""
    offsets = pa.array(np.concatenate([[0], np.cumsum(lengths)]), pa.int32())
    return pa.ListArray.from_arrays(
        offsets, values, type=pa.list_(values.type), mask=messages.is_null() if messages.null_count else None
    )
