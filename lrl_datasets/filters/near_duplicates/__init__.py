"""Near-duplicate search over Arrow's string buffers: kernels, pairs between two lists, stages over files.

`pairs.near_pairs(texts, others, threshold)` gives the pairs of two lists of texts that say nearly the same,
`pairs.shingle_sets(texts)` the shingles to compare by; the filter `filters/duplicates.py` gives clusters.
"""
