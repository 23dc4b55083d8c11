"""Compiled loops over Arrow's string buffers: words, shingles, MinHash, runs of one key, Jaccard index, components.

A text is seen as `match_key` of it: code points by a table (`code_points.py`), a row whose key the table cannot
give is left to the caller. A word's hash is a cyclic polynomial of its letters (Cohen 1997) put through
MurmurHash3's finaliser, a shingle's the exclusive or of its words' hashes, each rotated by its place; so the
words are hashed once, without a branch, and the shingles four at a time. MinHash multiplies 32 bits of a
shingle by odd numbers (Broder 1997; Dietzfelbinger et al. 1997). All sums wrap at 64 bits on purpose.

Everything here compiles on first use, about fifteen seconds in all, once per installation: the machine code is kept
beside this file, or in the user's cache where that cannot be written. All kernels stand in one file because the
kept code of one is not renewed when another file that it calls changes. They release the interpreter's lock.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

Words = NDArray[np.uint64]


def compiled(function: Callable[..., Any]) -> Any:
    """Compile on first use, and keep the code where some folder for it can be written."""
    try:
        return numba.njit(cache=True, nogil=True, error_model="numpy")(function)
    except RuntimeError:  # neither the package's folder nor the user's cache can be written
        return numba.njit(nogil=True, error_model="numpy")(function)


NOTHING, NEAR, SHORT, SLOW = range(4)
"""What a row is: unreadable; compared by its shingles; only equal or not; not readable by the table."""

BREAK, DROP, ASK, JOINER = 0, -1, -2, -3
"""What a code point becomes, if not one to three others (21 bits each)."""
MARK, SPACE, ALNUM, TAKES_JOINER, IDEOGRAPH, KANA, SOUTHEAST_ASIAN = (1 << bit for bit in range(7))
"""What else the table knows of a code point."""
_UNSPACED = IDEOGRAPH | KANA | SOUTHEAST_ASIAN

_ONE = np.uint64(1)
_ROTATION = np.uint64(5)
_BACK = np.uint64(59)
_WORD = np.uint64(64)
_MIX_1, _MIX_2 = np.uint64(0xFF51AFD7ED558CCD), np.uint64(0xC4CEB9FE1A85EC53)
_STEP, _ODD = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xD6E8FEB86659FD93)
_HALF, _SHIFT = np.uint64(32), np.uint64(33)
_SHORT_SALT = np.uint64(0x5851F42D4C957F2D)


@compiled
def mix(value: np.uint64) -> np.uint64:
    """MurmurHash3's finaliser: every bit of `value` moves every bit of the result."""
    value = (value ^ (value >> _SHIFT)) * _MIX_1
    value = (value ^ (value >> _SHIFT)) * _MIX_2
    return value ^ (value >> _SHIFT)


@compiled
def _letter(code):  # type: ignore[no-untyped-def]
    return mix(np.uint64(code) + _STEP)


@compiled
def ascii_letters() -> Words:
    """Return byte → hash of the lower-cased letter; 0 ends a word, 1 is not ours to read (see `code_points`)."""
    letters = np.zeros(256, np.uint64)
    for byte in range(256):
        if 48 <= byte <= 57 or 97 <= byte <= 122:
            letters[byte] = _letter(byte)
        elif 65 <= byte <= 90:
            letters[byte] = _letter(byte + 32)
        elif byte >= 127 or (byte < 32 and not (9 <= byte <= 13 or 28 <= byte <= 30)):
            letters[byte] = _ONE
    return letters


# ---- text to words --------------------------------------------------------------------------------------


@compiled
def _ascii_words(data, begin, end, letters, out, n):  # type: ignore[no-untyped-def]
    """Append the hashes of one ASCII text's words: no branch, since every word's end would be mispredicted."""
    h = np.uint64(0)
    was = np.int64(0)
    foreign = np.int64(0)
    for at in range(begin, end):
        letter = letters[data[at]]
        out[n] = h
        foreign |= np.int64(letter == _ONE)
        inside = np.int64(letter > _ONE)
        n += was & (1 - inside)
        h = (((h << _ROTATION) | (h >> _BACK)) ^ letter) & (np.uint64(0) - np.uint64(inside))
        was = inside
    out[n] = h
    return n + was, foreign


@compiled
def _ascii_count(data, begin, end, letters, enough):  # type: ignore[no-untyped-def]
    """Count what `words.count_words` counts, up to `enough`."""
    count = np.int64(0)
    found = False
    for at in range(begin, end):
        byte = data[at]
        if byte == 32 or 9 <= byte <= 13 or 28 <= byte <= 31:
            count += np.int64(found)
            found = False
            if count >= enough:
                return count
        else:
            found |= letters[byte] > _ONE
    return count + np.int64(found)


@compiled
def _decode(data, at):  # type: ignore[no-untyped-def]
    """Return the code point at a byte, and its length; Arrow's strings are valid UTF-8."""
    first = np.int64(data[at])
    if first < 0x80:
        return first, 1
    if first < 0xE0:
        return (first & 0x1F) << 6 | np.int64(data[at + 1]) & 0x3F, 2
    if first < 0xF0:
        middle = (np.int64(data[at + 1]) & 0x3F) << 6
        return (first & 0x0F) << 12 | middle | np.int64(data[at + 2]) & 0x3F, 3
    middle = (np.int64(data[at + 1]) & 0x3F) << 12 | (np.int64(data[at + 2]) & 0x3F) << 6
    return (first & 0x07) << 18 | middle | np.int64(data[at + 3]) & 0x3F, 4


@compiled
def mark_pages(data, begin, end, used):  # type: ignore[no-untyped-def]
    """Set `used[code >> 8]` for every code point of a text."""
    at = begin
    while at < end:
        code, length = _decode(data, at)
        used[code >> 8] = 1
        at += length


@compiled
def _composes(first, second, composed):  # type: ignore[no-untyped-def]
    """Say whether NFC makes one character of two; `composed` is sorted, first << 21 | second."""
    pair = first << 21 | second
    at = np.searchsorted(composed, pair)
    return at < len(composed) and composed[at] == pair


@compiled
def _words(data, begin, end, key, characters, page, becomes, kinds, composed, out, n, counts):  # type: ignore[no-untyped-def]
    """Append the hashes of one text's words, in any script; -1 where the table cannot say what they are.

    `key`: the text is a `match_key` already. `characters`: every character is a word, and so is a space. A letter
    of a script without spaces always is one. `counts` gets what `words.count_words` adds up: words between spaces,
    ideographs, kana, Southeast Asian letters.
    """
    h = np.uint64(0)
    inside = False
    start = n
    last = np.int64(0)
    marked = takes = found = spaced = False
    at = begin
    while at < end:
        code, length = _decode(data, at)
        at += length
        entry = page[code >> 8] * 256 + (code & 255)
        kind = np.int64(kinds[entry])
        target = np.int64(becomes[entry])
        if kind & (SPACE | _UNSPACED):
            counts[0] += np.int64(found)
            found = False
            if kind & _UNSPACED:
                counts[1 if kind & IDEOGRAPH else 2 if kind & KANA else 3] += 1
        elif kind & ALNUM:
            found = True
        if key:
            target = code if code != 32 else np.int64(BREAK)
        elif target == ASK:
            return np.int64(-1)
        elif target == JOINER:
            if not takes:
                continue
            takes = marked = False
            target = np.int64(BREAK)
        elif target == DROP:
            continue
        else:
            takes = kind & TAKES_JOINER != 0
            if kind & MARK:
                if marked or last == BREAK or _composes(last, target, composed):
                    return np.int64(-1)
                marked = True
            else:
                marked = False
        while True:  # one letter, or up to three: "ß" is "ss"
            last = target & 0x1FFFFF
            if last == 32:
                last = np.int64(BREAK)
            if last == BREAK:
                if characters:
                    if n > start and not spaced:
                        out[n] = _letter(32)
                        n += 1
                elif inside:
                    out[n] = h
                    n += 1
                h, inside = np.uint64(0), False
            elif characters:
                out[n] = _letter(last)
                n += 1
            elif kinds[page[last >> 8] * 256 + (last & 255)] & _UNSPACED:
                if inside:
                    out[n] = h
                    n += 1
                out[n] = _letter(last)
                n += 1
                h, inside = np.uint64(0), False
            else:
                h = ((h << _ROTATION) | (h >> _BACK)) ^ _letter(last)
                inside = True
            spaced = last == BREAK
            target >>= 21
            if target <= 0:
                break
    counts[0] += np.int64(found)
    if inside:
        out[n] = h
        n += 1
    if characters and n > start and spaced:
        n -= 1
    return n


@compiled
def _part(batch, row, answer, characters, table, out, counts):  # type: ignore[no-untyped-def]
    """Put the hashes of a row's words into `out`: its answer's or its prompt's. Return how many, -1 if unknown."""
    data, ends, answers, rows, _, key = batch
    letters, page, becomes, kinds, composed = table
    n = np.int64(0)
    for message in range(rows[row], rows[row + 1]):
        if (answers[message] != 0) != answer:
            continue
        begin, end = ends[message], ends[message + 1]
        between = np.int64(characters and n > 0)
        if between:
            out[n] = _letter(32)
            n += 1
        before = n
        foreign = np.int64(1)
        if not key and not characters:
            n, foreign = _ascii_words(data, begin, end, letters, out, n)
            if foreign == 0 and counts[0] < counts[4]:
                counts[0] += _ascii_count(data, begin, end, letters, counts[4] - counts[0])
        if foreign:
            n = _words(data, begin, end, key, characters, page, becomes, kinds, composed, out, before, counts)
            if n < 0:
                return n
        if n == before:
            n -= between  # a message without a letter
    for at in range(n):
        out[at] = mix(out[at])
    return n


@compiled
def _total(words, n):  # type: ignore[no-untyped-def]
    """Hash a whole text."""
    h = np.uint64(n)
    for at in range(n):
        h = ((h << np.uint64(23)) | (h >> np.uint64(41))) * _ODD + words[at]
    return mix(h)


@compiled
def _shingles(words, n, size, out):  # type: ignore[no-untyped-def]
    """Hash each run of `size` words; a text with fewer is one shingle."""
    size = min(size, max(n, 1))
    count = max(n, 1) - size + 1
    if n == 0:
        out[0] = np.uint64(0)
        return count
    for at in range(count):
        out[at] = words[at]
    for place in range(1, size):
        left = np.uint64(13 * place & 63)
        right = _WORD - left
        for at in range(count):
            word = words[at + place]
            out[at] ^= (word << left) | (word >> right)
    return count


# ---- words to band keys ---------------------------------------------------------------------------------


@compiled
def sketch(batch, rule, given, table, factors, room, identity, kind, keys, kept, stops):  # type: ignore[no-untyped-def]
    """Fill, for each row: what it is, the hash of its text, and its key in each band.

    `rule` is (words in a shingle, characters, words of the shortest text to compare, whether prompts count too),
    `given` a count of words by row where the texts are keys already, `factors` MinHash's, `room` an upper bound of
    the words in a part. Where `kept` has room it gets the answers' shingles behind one another, and `stops` where each
    row's end.
    """
    valid, key = batch[4], batch[5]
    size, characters, short, prompts_too = rule
    bands = keys.shape[0]
    depth = len(factors) // max(bands, 1)
    words = np.empty(room + 2, np.uint64)
    shingles = np.empty(room + 2, np.uint64)
    halves = np.empty(room + 66, np.uint32)
    counts = np.zeros(5, np.int64)
    n_kept = np.int64(0)
    for row in range(len(valid)):
        stops[row] = n_kept
        if not valid[row]:
            kind[row] = NOTHING
            continue
        counts[:] = 0
        counts[4] = short
        n = _part(batch, row, True, characters, table, words, counts)
        if n < 0:
            kind[row] = SLOW
            continue
        count = counts[0]
        if counts[1] + counts[2] + counts[3] > 0:
            count += np.int64(np.rint(counts[1] / 1.5 + counts[2] / 2.5 + counts[3] / 4.5))
        if key:
            count = given[row]
        own = _total(words, n)
        near = count >= short
        kind[row] = NEAR if near else SHORT
        count = _shingles(words, n, size, shingles) if near else 0
        if prompts_too or not near:
            n = _part(batch, row, False, characters, table, words, counts)
            if n < 0:
                kind[row] = SLOW
                continue
            own = mix(own ^ (_total(words, n) * _ODD + (np.uint64(0) if near else _SHORT_SALT)))
        identity[row] = own
        if not near:
            continue
        if len(kept) > 0:
            kept[n_kept : n_kept + count] = shingles[:count]
            n_kept += count
            stops[row] = n_kept
        for at in range(count):
            halves[at] = np.uint32(shingles[at] ^ (shingles[at] >> _HALF))
        padded = (count + 31) // 32 * 32
        for at in range(count, padded):
            halves[at] = halves[0]
        for band in range(bands):
            h = np.uint64(band)
            for place in range(band * depth, (band + 1) * depth):
                factor = factors[place]
                least = np.uint32(0xFFFFFFFF)
                for at in range(padded):
                    least = min(least, np.uint32(factor * halves[at]))
                h = (h ^ np.uint64(least)) * _ODD
                h ^= h >> _HALF
            keys[band, row] = mix(h)


# ---- band keys to pairs ---------------------------------------------------------------------------------


@compiled
def pairs_of_runs(entries, mask, cap, out):  # type: ignore[no-untyped-def]
    """Write the pairs of each run of one key, a << 32 | b; return how many, and how many runs were cut.

    `entries` are sorted, the key in the bits outside `mask` and the text in those inside. A run of more than `cap`
    texts gives its first with every other, and neighbours. Called with an empty `out` it only counts.
    """
    made = np.int64(0)
    cut = np.int64(0)
    write = len(out) > 0
    n = len(entries)
    start = 0
    while start < n:
        key = entries[start] & ~mask
        stop = start + 1
        while stop < n and entries[stop] & ~mask == key:
            stop += 1
        length = stop - start
        if length > cap:
            cut += 1
        if 1 < length <= cap:
            if not write:
                made += length * (length - 1) // 2
            else:
                for one in range(start, stop - 1):
                    left = (entries[one] & mask) << _HALF
                    for other in range(one + 1, stop):
                        out[made] = left | (entries[other] & mask)
                        made += 1
        elif length > cap:
            if not write:
                made += 2 * length - 3
            else:
                left = (entries[start] & mask) << _HALF
                for other in range(start + 1, stop):
                    out[made] = left | (entries[other] & mask)
                    made += 1
                for other in range(start + 2, stop):
                    out[made] = (entries[other - 1] & mask) << _HALF | (entries[other] & mask)
                    made += 1
        start = stop
    return made, cut


@compiled
def pairs_between(entries, mask, border, cap, out):  # type: ignore[no-untyped-def]
    """As `pairs_of_runs`, of texts below `border` with those at it and above only."""
    made = np.int64(0)
    cut = np.int64(0)
    write = len(out) > 0
    n = len(entries)
    start = 0
    while start < n:
        key = entries[start] & ~mask
        stop = start + 1
        while stop < n and entries[stop] & ~mask == key:
            stop += 1
        middle = start
        while middle < stop and entries[middle] & mask < border:
            middle += 1
        if start < middle < stop:
            whole = (middle - start) * (stop - middle) <= cap * cap
            cut += np.int64(not whole)
            for one in range(start, middle):
                for other in range(middle, stop if whole or one == start else middle + 1):
                    if write:
                        out[made] = (entries[one] & mask) << _HALF | (entries[other] & mask)
                    made += 1
        start = stop
    return made, cut


# ---- pairs to clusters ----------------------------------------------------------------------------------


@compiled
def _mask(n):  # type: ignore[no-untyped-def]
    """Return the mask of a table of `n` hashes at most half full: no larger, so that it stays in the cache."""
    width = 64
    while width < 2 * n:
        width *= 2
    return width - 1


@compiled
def _insert(slots, stamps, mask, stamp, value):  # type: ignore[no-untyped-def]
    """Put a hash into the open table of this stamp; False if it is there."""
    at = np.int64(value) & mask
    while stamps[at] == stamp:
        if slots[at] == value:
            return False
        at = (at + 1) & mask
    slots[at] = value
    stamps[at] = stamp
    return True


@compiled
def _holds(slots, stamps, mask, stamp, value):  # type: ignore[no-untyped-def]
    at = np.int64(value) & mask
    while stamps[at] == stamp:
        if slots[at] == value:
            return True
        at = (at + 1) & mask
    return False


@compiled
def crowded(keys, shift, seen, out):  # type: ignore[no-untyped-def]
    """Write the places of the keys that may stand twice, by a table of their bits from `shift` on; return how many."""
    mask = np.uint64(len(seen) - 1)
    for at in range(len(keys)):
        place = keys[at] >> shift & mask
        seen[place] = min(seen[place] + 1, 2)
    n = np.int64(0)
    for at in range(len(keys)):
        out[n] = at
        n += np.int64(seen[keys[at] >> shift & mask] > 1)
    return n


@compiled
def different(hashes, begins, ends, out, stops, places, n):  # type: ignore[no-untyped-def]
    """Write the different ones of some lists of hashes behind the first `n` of `out`; return how many there are then.

    `stops[places[i]]` gets where those of list i end.
    """
    longest = np.int64(1)
    for number in range(len(begins)):
        longest = max(longest, ends[number] - begins[number])
    slots = np.empty(_mask(longest) + 1, np.uint64)
    stamps = np.zeros(len(slots), np.int64)
    for number in range(len(begins)):
        mask = _mask(ends[number] - begins[number])
        for at in range(begins[number], ends[number]):
            if _insert(slots, stamps, mask, number + 1, hashes[at]):
                out[n] = hashes[at]
                n += 1
        stops[places[number]] = n
    return n


@compiled
def shingle_sets(batch, wanted, answer, rule, table, room, out, stops):  # type: ignore[no-untyped-def]
    """Write the different shingles of each wanted row behind one another; return how many in all.

    `stops` gets where each row's end. A row that the table cannot read ends at -1 (its place in `out` is empty).
    """
    size, characters, _, _ = rule
    words = np.empty(room + 2, np.uint64)
    shingles = np.empty(room + 2, np.uint64)
    slots = np.empty(_mask(room + 2) + 1, np.uint64)
    stamps = np.zeros(len(slots), np.int64)
    counts = np.zeros(5, np.int64)
    n = np.int64(0)
    for number in range(len(wanted)):
        found = _part(batch, wanted[number], answer, characters, table, words, counts)
        stops[number] = -1
        if found < 0:
            continue
        count = _shingles(words, found, size, shingles)
        mask = _mask(count)
        for at in range(count):
            if _insert(slots, stamps, mask, number + 1, shingles[at]):
                out[n] = shingles[at]
                n += 1
        stops[number] = n
    return n


@compiled
def jaccard(left, right, starts, stops, hashes, least, out):  # type: ignore[no-untyped-def]
    """Write the Jaccard index of each pair of shingle sets, 0 where sizes alone keep it below `least`.

    Pairs come sorted by `left`: its set is put into a table once.
    """
    longest = 1
    for at in range(len(starts)):
        longest = max(longest, stops[at] - starts[at])
    slots = np.empty(_mask(longest) + 1, np.uint64)
    stamps = np.zeros(len(slots), np.int64)
    mask = stamp = np.int64(0)
    held = np.int64(-1)
    for pair in range(len(left)):
        one, other = left[pair], right[pair]
        of_one, of_other = stops[one] - starts[one], stops[other] - starts[other]
        out[pair] = 0.0
        if min(of_one, of_other) < least * max(of_one, of_other):
            continue
        if held != one:
            held = one
            stamp += 1
            mask = _mask(of_one)
            for at in range(starts[one], stops[one]):
                _insert(slots, stamps, mask, stamp, hashes[at])
        shared = np.int64(0)
        for at in range(starts[other], stops[other]):
            shared += np.int64(_holds(slots, stamps, mask, stamp, hashes[at]))
        out[pair] = shared / (of_one + of_other - shared)


@compiled
def components(n, left, right):  # type: ignore[no-untyped-def]
    """Return each node's smallest relative, directly or through others (Tarjan 1975, with path halving)."""
    parent = np.arange(n)
    for pair in range(len(left)):
        one, other = np.int64(left[pair]), np.int64(right[pair])
        while parent[one] != one:
            parent[one] = parent[parent[one]]
            one = parent[one]
        while parent[other] != other:
            parent[other] = parent[parent[other]]
            other = parent[other]
        if one < other:
            parent[other] = one
        else:
            parent[one] = other
    for node in range(n):
        parent[node] = parent[parent[node]]
    return parent


@compiled
def smallest_names(data, ends, group, best):  # type: ignore[no-untyped-def]
    """Put into `best[group]` the row with the smallest name, by bytes; `best` comes filled with -1."""
    for row in range(len(group)):
        held = best[group[row]]
        if held < 0:
            best[group[row]] = row
            continue
        begin, end = ends[row], ends[row + 1]
        other, other_end = ends[held], ends[held + 1]
        while begin < end and other < other_end and data[begin] == data[other]:
            begin += 1
            other += 1
        if other < other_end and (begin == end or data[begin] < data[other]):
            best[group[row]] = row
