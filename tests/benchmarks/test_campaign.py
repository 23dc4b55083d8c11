"""A small campaign from plan to preference pairs, as the benchmark runs it."""

from __future__ import annotations

from pathlib import Path

from .running import run


def test_a_small_campaign_from_plan_to_release(tmp_path: Path) -> None:
    folder = tmp_path / "campaign"
    figures = run(
        "campaign.py", folder, tmp_path / "figures.json", "--prompts", "6", "--crowd", "expert=8,average=6",
        says=("accepted rows", "USD in all", "build"),
    )  # fmt: skip
    came, plan = figures["came out"], figures["plan"]
    assert set(came) <= set(plan) and "comparisons" in came
    # Two usable answers a prompt, five asked for at most; each judged by five people.
    assert 12 <= came["answers written"] <= 30
    assert came["judgements"] >= 5 * came["answers written"]
    # What is accepted is what the release publishes, and money is counted once.
    assert sum(split["rows"] for split in figures["release"]["default"].values()) == came["accepted rows"]
    assert abs(came["cost"] - 1.3 * came["paid to workers"]) < 0.01
    assert all(low - 1e-6 <= mean <= high + 1e-6 for mean, low, high in plan.values())
    assert list((folder / "exports").glob("pairs-*.tsv"))
