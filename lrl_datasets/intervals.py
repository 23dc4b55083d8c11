"""Confidence intervals of a share, each in one place."""

from __future__ import annotations

import math

CONFIDENCE = 0.95
Z_95 = 1.959964  # two-sided 95 %


def wilson(successes: int, n: int) -> tuple[float, float]:
    """Return the 95 % confidence interval of a share (Wilson 1927), sound for few items and near 0 and 1."""
    share, z2 = successes / n, Z_95**2
    middle = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = Z_95 / (1 + z2 / n) * math.sqrt(share * (1 - share) / n + z2 / (4 * n * n))
    return max(0.0, middle - half), min(1.0, middle + half)


def clopper_pearson(
    right: float, n: float, level: float = CONFIDENCE
) -> tuple[float, float] | tuple[None, None]:
    """Return the exact interval of a share (Clopper and Pearson 1934), of weights too; None without any."""
    from scipy.stats import beta

    if not n:
        return None, None
    tail = (1 - level) / 2
    low = float(beta.ppf(tail, right, n - right + 1)) if right > 0 else 0.0
    high = float(beta.ppf(1 - tail, right + 1, n - right)) if right < n else 1.0
    return low, high
