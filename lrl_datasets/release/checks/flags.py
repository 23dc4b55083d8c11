"""What rows are flagged with: counted as the manifest says, and found anew by the lists of words that it names."""

from __future__ import annotations

import re
from collections import Counter

import pyarrow as pa

from lrl_datasets import schema
from lrl_datasets.errors import LrlError
from lrl_datasets.filters.harm import PREFIX, Harm
from lrl_datasets.release.checks.base import Found, filters, records
from lrl_datasets.release.locations import Release

_FLAG = re.compile(r"[a-z]+(?::[\w.-]+)+")


def flags(release: Release) -> Found:
    """Flags have their form, the manifest counts them, and those of harmful words are what the words say."""
    listed = [row for row in records(release, "id", "messages", "flags") if "flags" in row]
    for row in listed:
        told = row["flags"] or []
        if told != sorted(set(told)) or not all(one and _FLAG.fullmatch(one) for one in told):
            yield f"row {row['id']}: flags are not sorted names like harm:insult:2"
    counted = dict(sorted(Counter(flag for row in listed for flag in row["flags"] or ()).items()))
    if release.manifest["counts"].get("flags", counted) != counted:
        yield f"the manifest counts {release.manifest['counts']['flags']}, the rows have {counted}"
    declared = filters(release).get("harm")
    if not declared or not listed:
        return
    try:
        harm = Harm(tuple(declared["lists"]))
    except LrlError:
        return  # a list that this package has not
    if list(harm.sha256) != declared["sha256"]:
        return  # another version of a list
    texts = pa.table({"messages": pa.array([row["messages"] for row in listed], schema.MESSAGES)})
    for row, found in zip(listed, harm(texts)["flags"].to_pylist(), strict=True):
        if row["messages"] is None:
            continue
        told = row["flags"] and [flag for flag in row["flags"] if flag.startswith(PREFIX)]
        # What a model found is not found again here.
        if told != found and not (declared.get("model") and set(found) <= set(told or ())):
            yield f"row {row['id']}: flags are {told}, its words give {found}"
