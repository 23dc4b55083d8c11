"""The near-duplicate search as stages over files: the clusters of a corpus that no process holds.

Sketch each file → pairs of texts per range of band keys → verification per range of texts → connected components,
in rounds over ranges of texts → the smallest id per range of labels → back to each file. Every task holds a
file's texts or a range that does not grow with the corpus; the data goes through the work folder, the answers'
shingles too (8 bytes a word: about as much as the texts). The clusters and the report are those of
`filters/duplicates.py` in memory, whatever the files, the number of workers and the order in which they work.

A node is a text, by the 64-bit hash of it: two of 10,000,000 texts have one hash by chance in 3 of 1,000,000 corpora.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from lrl_datasets.engine import Engine, Task, blocks, files
from lrl_datasets.filters.near_duplicates import arrays, kernels
from lrl_datasets.filters.near_duplicates.search import BLOCK, KEY_STARTS, RUN, Bands
from lrl_datasets.filters.near_duplicates.texts import Array, Texts, buffers

if TYPE_CHECKING:
    from lrl_datasets.filters.duplicates import Duplicates, Report

FILE_ROWS, FILE_BYTES = 25_000, 64 << 20
"""Most rows and bytes of a file that a table is cut into."""
ENTRIES = 1 << 20
"""Most band keys of a task, about: 40 MB."""
EDGES = 1 << 21
"""Most links between texts of a task, about."""
_LOW = np.uint64((1 << KEY_STARTS) - 1)
_HALF = np.uint64(32)


@dataclass(frozen=True)
class Plan:
    """The settings that all stages share."""

    search: Duplicates
    ranges: int
    """Of band keys, texts and labels."""
    run: int
    """Texts with one key that are all compared."""


def cluster(engine: Engine, inputs: Sequence[str], search: Duplicates, rows: int) -> tuple[list[str], Report]:
    """Find the clusters of all rows in some files.

    Parameters
    ----------
    engine
        Runs the stages.
    inputs
        Parquet or Arrow files with `id` and `messages`; a task holds one of them, so none should be over some
        100 MB.
    search
        The filter.
    rows
        How many rows the files have, about: with it the number of ranges is chosen, and nothing else.

    Returns
    -------
    list of str, Report
        For each input an Arrow file with `cluster`, its rows in order; and what the search did.
    """
    from lrl_datasets.filters.duplicates import Report, share_chained

    bands = Bands.at(search.least_answer)
    plan = Plan(search, max(1, -(-rows * bands.bands // ENTRIES)), RUN)
    ranges = range(plan.ranges)
    sketches = engine.stage("near-sketch", sketch, [Task([path]) for path in inputs], plan)
    pairs = engine.stage("near-pairs", pair, [Task(sketches, number) for number in ranges], plan)
    verified = engine.stage(
        "near-verify", verify, [Task([*pairs, *sketches], (number, len(pairs))) for number in ranges], plan
    )
    labels = _components(engine, verified)
    members = engine.stage(
        "near-members",
        member,
        [Task([found, path, *labels]) for found, path in zip(sketches, inputs, strict=True)],
        plan,
    )
    named = engine.stage("near-names", name, [Task(members, number) for number in ranges], plan)
    clusters = engine.stage(
        "near-clusters", back, [Task([path, *named], number) for number, path in enumerate(inputs)], plan
    )
    totals = np.sum([arrays.read(path)["counts"] for path in named], axis=0)
    candidates, near = np.sum([arrays.read(path)["counts"] for path in verified], axis=0)
    cut = sum(int(arrays.read(path)["counts"][0]) for path in pairs)
    report = Report(
        exact=int(totals[0]),
        candidates=int(candidates),
        near=int(near),
        runs_cut=cut,
        chained=share_chained(int(totals[1]), int(near)),
    )
    return clusters, report


def cluster_table(engine: Engine, table: pa.Table, search: Duplicates) -> tuple[pa.ChunkedArray, Report]:
    """Find the clusters of a table's rows, cut into files of the work folder; return them in order."""
    narrow = table.select(["id", "messages"])
    inputs = [engine.put("near-rows", block) for block in blocks.cut(narrow, FILE_BYTES, FILE_ROWS)]
    clusters, report = cluster(engine, inputs, search, table.num_rows)
    found = [chunk for path in clusters for chunk in files.read(path)["cluster"].chunks]
    return pa.chunked_array(found, pa.string()), report


def sketch(inputs: Sequence[str], output: str, plan: Plan) -> None:
    """Write what each row of a file is found by: its text's hash, and by range its keys in all bands."""
    search = plan.search
    bands = Bands.at(search.least_answer)
    texts = Texts.of_messages(_columns(inputs[0], ["messages"])["messages"])
    texts.threads = 1
    made = texts.sketch(search.rule, bands.bands, bands.factors(search.seed), keep=True)
    prompts: dict[str, Array] = {}
    first = np.unique(made.identity, return_index=True)[1]
    first = np.sort(first[made.kind[first] == kernels.NEAR])
    if search.prompt_weight:
        hashes, starts = texts.shingle_sets(first, search.rule, answer=False)
        prompts = {"prompts": hashes, "prompts.rows": first, "prompts.starts": starts}
    numbers = np.arange(bands.bands, dtype=np.uint64)
    keys = ((made.keys[:, first] & ~_LOW) | numbers[:, None]).ravel()
    entries = arrays.ranged(
        arrays.by_top_bits(keys, plan.ranges),
        plan.ranges,
        {
            "key": keys,
            "text": np.tile(made.identity[first], bands.bands),
            "row": np.tile(first.astype(np.uint32), bands.bands),
        },
    )
    own = {"identity": made.identity, "kind": made.kind, "begins": made.begins, "ends": made.ends}
    arrays.write(output, {**entries, **own, "shingles": made.shingles, **prompts})


def pair(inputs: Sequence[str], output: str, plan: Plan, number: int) -> None:
    """Write the pairs of texts that share a key of one range, each text with a row that has it."""
    parts = arrays.of_range(inputs, number, ["key", "text", "row"])
    key, text = arrays.joined(parts, "key"), arrays.joined(parts, "text")
    file = np.repeat(np.arange(len(parts), dtype=np.uint64), [len(part["key"]) for part in parts])
    row = file << _HALF | arrays.joined(parts, "row").astype(np.uint64)
    place = np.empty(len(key) + 1, np.int64)
    seen = np.zeros(1 << max(10, (4 * len(key)).bit_length()), np.uint8)
    place = place[: kernels.crowded(key, np.uint64(KEY_STARTS), seen, place)]  # most keys stand once
    place = place[np.argsort(key[place])]
    new = _new(key[place])
    place = place[~(new & np.r_[new[1:], True][: len(new)])]
    key, text, row = key[place], text[place], row[place]
    order = np.lexsort((row, text, key))
    key, text, row = key[order], text[order], row[order]
    new = _new(key, text)
    key, text, row = key[new], text[new], row[new]
    runs = np.cumsum(_new(key)).astype(np.uint64)
    entries = runs << _HALF | np.arange(len(key), dtype=np.uint64)
    mask, none = np.uint64(0xFFFFFFFF), np.empty(0, np.uint64)
    many, cut = kernels.pairs_of_runs(entries, mask, plan.run, none)
    made = np.empty(many, np.uint64)
    kernels.pairs_of_runs(entries, mask, plan.run, made)
    left, right = (made >> _HALF).astype(np.int64), (made & mask).astype(np.int64)
    order = np.lexsort((text[right], text[left]))
    left, right = left[order], right[order]
    new = _new(text[left], text[right])
    left, right = left[new], right[new]
    columns = {"left": text[left], "right": text[right], "left.row": row[left], "right.row": row[right]}
    found = arrays.ranged(arrays.by_top_bits(text[left], plan.ranges), plan.ranges, columns)
    arrays.write(output, {**found, "counts": np.array([cut])})


def verify(inputs: Sequence[str], output: str, plan: Plan, part: tuple[int, int]) -> None:
    """Compare the pairs of one range of texts; write the links of those that reach the threshold."""
    number, many = part
    parts = arrays.of_range(inputs[:many], number, ["left", "right", "left.row", "right.row"])
    left, right = arrays.joined(parts, "left"), arrays.joined(parts, "right")
    # A text that stands in several files has one row in each range of keys: any will do.
    order = np.lexsort((right, left))
    order = order[_new(left[order], right[order])]
    left, right = left[order], right[order]
    left_row, right_row = arrays.joined(parts, "left.row")[order], arrays.joined(parts, "right.row")[order]
    sketches = [arrays.read(path) for path in inputs[many:]]
    near = np.zeros(len(left), bool)
    size = max(256, BLOCK // 256)
    for at in range(0, len(left), size):
        block = slice(at, at + size)
        near[block] = _similar(sketches, left_row[block], right_row[block], plan.search)
    counts = np.array([len(left), near.sum()])
    links = _both_ways(left[near], right[near])
    arrays.write(output, {"one": links[0], "other": links[1], "counts": counts})


def _similar(sketches: list[dict[str, Array]], left: Array, right: Array, search: Duplicates) -> Array:
    rows, place = np.unique(np.concatenate([left, right]), return_inverse=True)
    one, other = place[: len(left)], place[len(left) :]
    order = np.argsort(one, kind="stable")
    one, other = one[order], other[order]
    answers = np.empty(len(one))
    hashes, starts = _gathered(sketches, rows, "shingles")
    kernels.jaccard(one, other, starts[:-1], starts[1:], hashes, search.least_answer, answers)
    similar = answers
    if search.prompt_weight:
        maybe = np.flatnonzero(answers >= search.least_answer)
        prompts = np.zeros(len(one))
        found = np.empty(len(maybe))
        hashes, starts = _gathered(sketches, rows, "prompts")
        kernels.jaccard(one[maybe], other[maybe], starts[:-1], starts[1:], hashes, 0.0, found)
        prompts[maybe] = found
        similar = (1 - search.prompt_weight) * answers + search.prompt_weight * prompts
    back = np.empty(len(order), bool)
    back[order] = similar >= search.threshold
    return back


def _gathered(sketches: list[dict[str, Array]], rows: Array, what: str) -> tuple[Array, Array]:
    """Return the different shingles of some rows (file << 32 | row, sorted) behind one another."""
    file, row = (rows >> _HALF).astype(np.int64), (rows & np.uint64(0xFFFFFFFF)).astype(np.int64)
    spans = []
    for number in np.unique(file):
        places = np.flatnonzero(file == number)
        own = sketches[number]
        if what == "shingles":
            spans.append((own[what], own["begins"][row[places]], own["ends"][row[places]], places))
        else:
            at = np.searchsorted(own["prompts.rows"], row[places])
            spans.append((own[what], own["prompts.starts"][at], own["prompts.starts"][at + 1], places))
    out = np.empty(sum(int((ends - begins).sum()) for _, begins, ends, _ in spans), np.uint64)
    stops, n = np.empty(len(rows), np.int64), 0
    for hashes, begins, ends, places in spans:
        n = kernels.different(hashes, begins, ends, out, stops, places, n)
    return out[:n], np.r_[0, stops]


# ---- components -----------------------------------------------------------------------------------------


def _components(engine: Engine, links: list[str]) -> list[str]:
    """Turn links into stars around the smallest text of each component, by ranges of texts.

    Large-star and small-star in turn until neither changes anything (Kiveris et al. 2014, "Connected components in
    MapReduce and beyond"); where all links fit one task it joins them at once.
    """
    total = sum(len(arrays.read(path)["one"]) for path in links)
    ranges = max(1, -(-total // EDGES))
    if ranges == 1:
        return engine.stage("near-components", join, [Task(links)])
    labels = engine.stage("near-links", deal, [Task([path], ranges) for path in links])
    quiet = 0
    while quiet < 2:
        for large in (True, False):
            labels = engine.stage(
                "near-components", star, [Task(labels, (number, ranges, large)) for number in range(ranges)]
            )
            changed = sum(int(arrays.read(path)["counts"][0]) for path in labels)
            quiet = quiet + 1 if changed == 0 else 0
    return labels


def join(inputs: Sequence[str], output: str, _: Any) -> None:
    """Join all links at once: each text that has one, and the smallest that it is linked with."""
    parts = [arrays.read(path) for path in inputs]
    texts, place = np.unique(
        np.concatenate([arrays.joined(parts, "one"), arrays.joined(parts, "other")]), return_inverse=True
    )
    n = len(place) // 2
    relative = kernels.components(len(texts), place[:n], place[n:])
    arrays.write(output, {"one": texts, "other": texts[relative]})


def deal(inputs: Sequence[str], output: str, _: Any, ranges: int) -> None:
    """Sort links by the range of their first text."""
    links = arrays.read(inputs[0])
    columns = {"one": links["one"], "other": links["other"]}
    arrays.write(output, arrays.ranged(arrays.by_top_bits(links["one"], ranges), ranges, columns))


def star(inputs: Sequence[str], output: str, _: Any, part: tuple[int, int, bool]) -> None:
    """Link each text's neighbours with the smallest of them: those after it (large star), or before it (small)."""
    number, ranges, large = part
    parts = arrays.of_range(inputs, number, ["one", "other"])
    one, other = _different(arrays.joined(parts, "one"), arrays.joined(parts, "other"))
    keep = slice(None) if large else other < one
    one, other = one[keep], other[keep]
    begins = np.flatnonzero(_new(one))
    least = np.minimum.reduceat(other, begins) if len(one) else other
    least = np.minimum(least, one[begins]) if large else least
    least = np.repeat(least, np.diff(np.r_[begins, len(one)]))
    if large:
        later = other > one
        changed = int((least[later] != one[later]).sum())
        left, right = other[later], least[later]
    else:
        changed = int((other != least).sum())
        left, right = np.concatenate([one, other]), np.concatenate([least, least])
    left, right = _different(*_both_ways(left[left != right], right[left != right]))
    columns = {"one": left, "other": right}
    found = arrays.ranged(arrays.by_top_bits(left, ranges), ranges, columns)
    arrays.write(output, {**found, "counts": np.array([changed])})


def _both_ways(one: Array, other: Array) -> tuple[Array, Array]:
    return np.concatenate([one, other]), np.concatenate([other, one])


def _different(one: Array, other: Array) -> tuple[Array, Array]:
    order = np.lexsort((other, one))
    one, other = one[order], other[order]
    new = _new(one, other)
    return one[new], other[new]


def _new(*columns: Array) -> Array:
    """Say of each row of sorted columns whether it is another than the row before."""
    new = np.ones(len(columns[0]), bool)
    if len(new) > 1:
        new[1:] = np.any([column[1:] != column[:-1] for column in columns], axis=0)
    return new


# ---- names ----------------------------------------------------------------------------------------------


def member(inputs: Sequence[str], output: str, plan: Plan) -> None:
    """Write each row's label, the smallest text that its own is linked with, and its id, by ranges of labels."""
    own = arrays.read(inputs[0])
    rows = np.flatnonzero(own["kind"] != kernels.NOTHING)
    text = own["identity"][rows]
    label = text.copy()
    for path in inputs[2:]:
        links = arrays.read(path)
        if len(links["one"]):
            at = np.minimum(np.searchsorted(links["one"], text), len(links["one"]) - 1)
            linked = (links["one"][at] == text) & (links["other"][at] < label)
            label[linked] = links["other"][at][linked]
    columns = {"label": label, "text": text, "row": rows.astype(np.uint32)}
    found = arrays.ranged(arrays.by_top_bits(label, plan.ranges), plan.ranges, columns)
    ids = _columns(inputs[1], ["id"])["id"].take(pa.array(found["row"]))
    arrays.write(output, {**found, **_strings(ids)})


def name(inputs: Sequence[str], output: str, plan: Plan, number: int) -> None:
    """Find the smallest id under each label of one range that has several rows; write it for each of them, by file."""
    parts = arrays.of_range(inputs, number, ["label", "text", "row"])
    label, text, row = (arrays.joined(parts, column) for column in ("label", "text", "row"))
    file = np.repeat(np.arange(len(parts)), [len(part["label"]) for part in parts])
    ids = pa.concat_arrays([_ids(path, *arrays.read(path)["starts"][number : number + 2]) for path in inputs])
    _, group, sizes = np.unique(label, return_inverse=True, return_counts=True)
    own = _different(label, text)[0]
    texts = np.unique(own, return_counts=True)[1]
    counts = np.array([len(label) - len(own), int((texts * (texts - 1) // 2).sum())])
    several = np.flatnonzero(sizes[group] > 1)
    group = np.unique(group[several], return_inverse=True)[1]
    ids = ids.take(pa.array(several))
    best = np.full(int(group.max(initial=-1)) + 1, -1, np.int64)
    kernels.smallest_names(*buffers(ids), group, best)
    starts = np.searchsorted(file[several], np.arange(len(parts) + 1))
    names = _strings(ids.take(pa.array(best[group])))
    arrays.write(output, {"row": row[several], **names, "starts": starts, "counts": counts})


def _strings(texts: pa.Array | pa.ChunkedArray) -> dict[str, Array]:
    """Return strings as two arrays: their bytes, and where each begins (and the last ends)."""
    if isinstance(texts, pa.ChunkedArray):
        texts = pa.concat_arrays([pa.array([], pa.large_string()), *texts.cast(pa.large_string()).chunks])
    data, ends = buffers(texts)
    return {"ids": data[ends[0] : ends[-1]], "ids.ends": ends - ends[0]}


def _ids(path: str, begin: int, end: int) -> pa.Array:
    """Read some of the strings that `_strings` made."""
    found = arrays.read(path)
    ends = found["ids.ends"][begin : end + 1]
    return pa.LargeStringArray.from_buffers(int(end - begin), pa.py_buffer(ends), pa.py_buffer(found["ids"]))


def back(inputs: Sequence[str], output: str, plan: Plan, number: int) -> None:
    """Write the cluster of each row of one file: its own id, where it is alone."""
    ids = _columns(inputs[0], ["id"])["id"]
    rows, names = [np.empty(0, np.int64)], [pa.array([], pa.large_string())]
    for path in inputs[1:]:
        own = arrays.read(path)
        begin, end = own["starts"][number : number + 2]
        rows.append(own["row"][begin:end].astype(np.int64))
        names.append(_ids(path, begin, end))
    place = np.arange(len(ids))
    place[np.concatenate(rows)] = len(ids) + np.arange(sum(map(len, rows)))
    whole = pa.concat_arrays([*ids.cast(pa.large_string()).chunks, *names])
    files.write(output, pa.table({"cluster": whole.take(pa.array(place)).cast(pa.string())}))


def _columns(path: str, columns: list[str]) -> pa.Table:
    """Read some columns of a Parquet or an Arrow file."""
    if not path.endswith(".parquet"):
        return files.read(path, columns)
    import pyarrow.parquet as pq

    with files.open_input(path) as source:
        return pq.read_table(source, columns=columns, use_threads=False)
