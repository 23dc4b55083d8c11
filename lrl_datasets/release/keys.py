"""Which pseudonym key a build uses, and what it means for the release before."""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa
import pyarrow.compute as pc

from lrl_datasets import pseudonyms
from lrl_datasets.errors import LrlError
from lrl_datasets.release import previous as earlier
from lrl_datasets.sources.base import SourceTables


def of_build(
    rows: pa.Table, read: Mapping[str, SourceTables], before: earlier.Previous | None, sample: bool
) -> bytes | None:
    """Return the key that ids and workers are hashed with; None where nothing that was read is private.

    `--sample`, and a sample campaign that goes on from a release of it, use the key that is public. A build without
    a previous release may make a key.
    """
    private = pc.any(rows["keyed_id"]).as_py() or rows["worker"].null_count < rows.num_rows
    if not private and not any(tables.judgements.num_rows for tables in read.values()):
        return None
    if sample or _continues_a_sample(read, before):
        return pseudonyms.SAMPLE_KEY
    return pseudonyms.load_key(may_create=before is None)


def check(key: bytes | None, before: earlier.Previous | None, old_key: bytes | None) -> None:
    """Refuse a key that is not the expected one.

    Raises
    ------
    LrlError
        It is not the previous release's and nothing translates, or there is nothing to translate.
    """
    if before is not None and key is not None:
        before.check_key(key, old_key)
    elif before is not None and old_key is not None:
        raise LrlError("--rekey: nothing that was read has private ids, so there is nothing to translate")


def translation(
    rows: pa.Table, read: Mapping[str, SourceTables], key: bytes | None, old_key: bytes | None
) -> dict[str, str]:
    """Return old → new name where the key changed; `rows` are normalised and masked."""
    return earlier.translation(rows, read, old_key, key) if key and old_key else {}


def _continues_a_sample(read: Mapping[str, SourceTables], before: earlier.Previous | None) -> bool:
    if before is None or before.fingerprint != pseudonyms.fingerprint(pseudonyms.SAMPLE_KEY):
        return False
    return all(tables.facts.get("sample") for tables in read.values())
