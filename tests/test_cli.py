"""The command line as a user meets it: what it prints, and that bad input is one line and exit code 2."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.filters import labelled
from tests.hub import client_environment, running_hub
from tests.sources.exports import answer, campaign, vote
from tests.test_build import all_yes, answers

ROOT = Path(__file__).parent.parent


def lrl(*arguments: str | Path, cwd: Path, code: int = 0, env: dict[str, str] | None = None) -> str:
    done = subprocess.run(
        [sys.executable, "-c", "from lrl_datasets.cli import main; main()", *arguments],
        cwd=cwd, capture_output=True, text=True,
        env=os.environ | {"LRL_PSEUDONYM_KEY": "a key for the tests only", "COLUMNS": "200"} | (env or {}),
    )  # fmt: skip
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr, done.stderr
    return done.stdout + done.stderr


def test_help_names_every_command(tmp_path: Path) -> None:
    said = lrl("--help", cwd=tmp_path)
    commands = "build diff verify lock publish withdraw hub lid tasks tasks-dir eval finetune doctor new"
    for command in commands.split():
        assert command in said


def test_the_sample_builds_and_its_planted_rows_are_found(tmp_path: Path) -> None:
    with running_hub(tmp_path) as server:
        lrl("tasks", "sample", "swahili-instruct", "--hub", tmp_path / "hub", cwd=tmp_path)
        env = client_environment(server.url, tmp_path / "home")
        lrl("tasks", "index", "--out", tmp_path / "index.json", cwd=tmp_path, env=env)
    said = lrl("build", "swahili-instruct", "--sample", "--suite-index", "index.json", cwd=tmp_path)
    assert "SAMPLE" in said and "NOT LEAK-CHECKED" not in said and "load_dataset(" in said
    folder = tmp_path / "build" / "lrl-align" / "swahili-instruct"
    manifest = json.loads((folder / "manifest.json").read_text())
    counts, judged = manifest["counts"], manifest["judgements"]
    assert manifest["sample"] is True
    assert "**SAMPLE.**" in (folder / "README.md").read_text()
    assert counts["records"] == counts["published"] + counts["rejected"] + counts["withdrawn"] >= 400
    assert judged["judgements"] == judged["counted"] + judged["not_counted"] + judged["withdrawn"] == 2485
    funnel = {step["reason"]: step["rows"] for step in counts["funnel"]}
    assert funnel["suite_leak"] == 10  # planted
    found = set(funnel)
    assert {
        "refused_by_requester",
        "not_submitted",
        "empty",
        "wrong_language_answer",
        "unhelpful",
        "duplicate",
    } <= found
    assert {"golden", "failed_worker", "own_answer"} <= set(judged["reasons"])
    assert counts["masked"]["phone"] >= 2 and counts["masked"]["email"] >= 1
    assert set(manifest["configs"]["default"]) == {"train", "validation", "test"}
    assert set(manifest["configs"]) == {"default", "preference", "annotations", "rejected"}


def bad(tmp_path: Path, *sources: str, builder: str = "swahili-instruct") -> str:
    said = lrl(
        "build",
        builder,
        "--only",
        "campaign",
        *(x for s in sources for x in ("--source", s)),
        cwd=tmp_path,
        code=2,
    )
    assert said.count("error:") == 1
    assert not (tmp_path / "build").exists()
    return said


def test_bad_input_is_one_line_that_names_it(tmp_path: Path) -> None:
    good = [answer(), answer("a2", prompt="Taja ziwa.", text="Ziwa Viktoria.")]
    folder = campaign(tmp_path / "c", good, [vote("a1")])
    toml = (folder / "campaign.toml").read_text()
    given = f"campaign={folder}"

    (folder / "campaign.toml").write_text(toml.replace('"answers.tsv"', '"gone.tsv"'))
    assert "gone.tsv" in bad(tmp_path, given)
    (folder / "campaign.toml").write_text(toml.replace("OUTPUT:answer", "OUTPUT:reply"))
    said = bad(tmp_path, given)
    assert "answers.tsv" in said and "OUTPUT:reply" in said
    (folder / "campaign.toml").write_text("name = ")
    assert "campaign.toml" in bad(tmp_path, given)
    (folder / "campaign.toml").write_text(toml)
    (folder / "answers.tsv").write_bytes(b"")
    said = bad(tmp_path, given)
    assert "answers.tsv" in said and "empty" in said
    assert "no such" in bad(tmp_path, f"campaign={tmp_path / 'nowhere'}")
    assert "NAME=PATH" in bad(tmp_path, "campaign")
    assert "there is no builder" in bad(tmp_path, given, builder="klingon-instruct")
    for key, wrong in (("license", "CC BY 4.0"), ("license", "other"), ("language", "Swahili")):
        (folder / "campaign.toml").write_text(re.sub(rf'(?m)^{key} = ".*"', f'{key} = "{wrong}"', toml))
        said = bad(tmp_path, given)
        assert "campaign.toml" in said and key in said
    second = "[[stage]]" + toml.rpartition("[[stage]]")[2].replace('"votes-*.tsv"', '"more.tsv"').replace(
        '"yes"', '"ndiyo"'
    )
    (folder / "campaign.toml").write_text(toml + second)
    assert "two stages ask 'helpful'" in bad(tmp_path, given)
    (folder / "campaign.toml").write_text(re.sub(r'(?m)^aggregation = ".*"', 'aggregation = "coin"', toml))
    said = bad(tmp_path, given)
    assert "stage 2" in said and "aggregation" in said
    (folder / "campaign.toml").write_text(toml)


def test_a_path_that_can_not_be_is_one_line(tmp_path: Path) -> None:
    folder = campaign(tmp_path / "c [b]", answers(), all_yes(answers()))
    given = ("build", "swahili-instruct", "--only", "campaign", "--source", f"campaign={folder}")
    (tmp_path / "file").write_text("")
    for arguments in (("--out", "file"), ("--suite-index", "."), ("--suite-index", "gone.json")):
        assert lrl(*given, *arguments, cwd=tmp_path, code=2).count("error:") == 1
    assert "o[b]" in lrl(*given, "--out", "o[b]", cwd=tmp_path)
    (tmp_path / "broken.py").write_text("import nothing_like_this")
    said = lrl("build", "broken.py", cwd=tmp_path, code=2)
    assert "broken.py" in said and "nothing_like_this" in said


def test_a_pool_without_a_worker_column_names_file_and_column(tmp_path: Path) -> None:
    row = dict(answer())
    del row["ASSIGNMENT:worker_id"]
    said = bad(tmp_path, f"campaign={campaign(tmp_path / 'c', [row])}")
    assert "answers.tsv" in said and "ASSIGNMENT:worker_id" in said


@pytest.mark.parametrize(
    "arguments", [["publish", "nowhere"], ["eval", "nowhere", "--tasks", "sw_suite"], ["finetune", "nowhere"]]
)
def test_what_is_not_there_is_said_in_one_line(arguments: list[str], tmp_path: Path) -> None:
    said = lrl(*arguments, cwd=tmp_path, code=2, env={"HF_HUB_OFFLINE": "1"})
    assert "error:" in said and "nowhere" in said


def test_a_file_that_can_not_be_written_is_said_before_the_work(tmp_path: Path) -> None:
    for file in ("nodir/x.json", "."):
        said = lrl("diff", "nowhere", "nowhere", "--json", file, cwd=tmp_path, code=2)
        assert f"--json {file}: name a file in a folder that is there" in said


def test_tasks_dir_is_a_folder_with_the_suites(tmp_path: Path) -> None:
    folder = Path(lrl("tasks-dir", cwd=tmp_path).strip())
    assert (folder / "sw_suite").is_dir()


def test_a_table_is_fitted_shown_and_used(tmp_path: Path) -> None:
    labelled.folder(tmp_path / "text", swh_Latn=300, kam_Latn=60, eng_Latn=60)
    said = lrl("lid", "fit", "--language", "sw", "--text", "text", cwd=tmp_path)
    assert "had it not seen the language" in said and "neighbours by the language file" in said
    digest = hashlib.sha256((tmp_path / "swh_Latn.lid.npz").read_bytes()).hexdigest()
    assert digest in said and digest in lrl("lid", "show", "swh_Latn.lid.npz", cwd=tmp_path)
    use = ("--lid-table", "swh_Latn.lid.npz", "--sample", "--out")
    lrl("build", "swahili-instruct", *use, "build", cwd=tmp_path)
    manifest = json.loads((tmp_path / "build/lrl-align/swahili-instruct/manifest.json").read_text())
    assert manifest["builder"]["settings"]["filters"]["language_id"]["table"] == f"sha256:{digest}"
    assert "there is no such table" in lrl("lid", "show", "other.npz", cwd=tmp_path, code=2)
    few = lrl("lid", "fit", "--language", "ha", "--text", "text", cwd=tmp_path, code=2)
    assert "0 different sentences of 4 words and more are too few" in few
