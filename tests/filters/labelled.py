"""Made-up labelled sentences: Swahili words, and words of a language beside it, in random order with a seed."""

from __future__ import annotations

import random
from pathlib import Path

WORDS = {
    "swh_Latn": "watoto wanacheza mpira uwanjani kila siku baada ya shule na wazazi wao hupika chakula cha jioni kwa "
    "pamoja nyumbani mwalimu anafundisha wanafunzi kusoma vitabu vya historia katika maktaba ya kijiji chetu",
    "kam_Latn": "syana nisyithaukaa mivila kila muthenya itina wa sukulu na asyai moo nimauaa liu wa wioo vamwe "
    "musyi mwalimu nimanyiasya amanyiwa kusoma mavuku ma tene nthini wa utua witu kana andu",
    "eng_Latn": "the children play football in field every day after school and their parents cook supper together "
    "at home a teacher shows pupils how to read books of history from library that our village has",
}


def sentences(code: str, number: int, seed: int = 0, words: int = 12) -> list[str]:
    """Make sentences of `words` words."""
    dice = random.Random(f"{code} {seed}")
    return [" ".join(dice.choices(WORDS[code].split(), k=words)).capitalize() + "." for _ in range(number)]


def folder(path: Path, seed: int = 0, **numbers: int) -> Path:
    """Write CODE.txt files with so many sentences each."""
    path.mkdir(parents=True, exist_ok=True)
    for code, number in numbers.items():
        (path / f"{code}.txt").write_text("\n".join(sentences(code, number, seed)) + "\n", encoding="utf-8")
    return path
