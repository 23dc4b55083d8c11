"""What the real clients do with a Hub, each in its own process with an empty cache.

Uploads go both ways, by Xet (the default) and LFS; the slow clients, which choose no way themselves, by Xet.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lrl_datasets import local_hub
from tests.hub import client_environment, run_client, running_hub

UPLOADS = pytest.mark.parametrize("upload", ["xet", "lfs"])


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[local_hub.Server]:
    with running_hub(tmp_path_factory.mktemp("clients")) as server:
        yield server


def run(hub: local_hub.Server, code: str, tmp_path: Path, upload: str = "xet") -> list[str]:
    """Run a client's code; every request must have been one that the Hub answers."""
    hub.requests.clear()
    code = f"UPLOAD = {upload!r}\n{code}"
    lines = run_client(code, hub.url, tmp_path, env={"HF_HUB_DISABLE_XET": str(int(upload == "lfs"))})
    assert any("/xet/" in path for _, path in hub.requests) is (upload == "xet")
    assert any("/lfs/" in path for _, path in hub.requests) is (upload == "lfs")
    return lines.splitlines()


@UPLOADS
def test_folders_files_branches_tags_and_history(hub: local_hub.Server, tmp_path: Path, upload: str) -> None:
    code = """
import os
from pathlib import Path
from huggingface_hub import CommitOperationAdd, CommitOperationCopy, HfApi, snapshot_download
api, repo = HfApi(), dict(repo_id=f"lrl-align/folder-{UPLOAD}", repo_type="dataset")
api.create_repo(**repo)
contents = {}
for number in range(12):
    name = f"d{number % 3}/{number}"
    for path, data in ((name + ".txt", b"%d" % number), (name + ".bin", os.urandom(999))):
        contents[path] = data
        Path("up", path).parent.mkdir(parents=True, exist_ok=True)
        Path("up", path).write_bytes(data)
api.upload_folder(**repo, folder_path="up", commit_message="all")
api.create_tag(**repo, tag="v1")
api.create_branch(**repo, branch="side", revision="v1")
api.upload_folder(**repo, folder_path="up/d0", path_in_repo="d0", revision="side",
                  allow_patterns="*.bin", delete_patterns="*.txt")
api.delete_files(**repo, delete_patterns=["d1/*"], revision="side")
print(len(api.list_repo_files(**repo)), sorted(api.list_repo_files(**repo, revision="side"))[:9:4])
api.create_commit(**repo, commit_message="copy", operations=[
    CommitOperationCopy("d2/2.bin", "copy.bin"), CommitOperationCopy("d2/2.txt", "copy.txt"),
    CommitOperationAdd("more.bin", b"\\0" * 100)])
contents |= {"copy.bin": contents["d2/2.bin"], "copy.txt": contents["d2/2.txt"], "more.bin": b"\\0" * 100}
print([commit.title for commit in api.list_repo_commits(**repo)])
here = Path(snapshot_download(**repo))
print(all((here / path).read_bytes() == data for path, data in contents.items()))
print(sorted(path.name for path in Path(snapshot_download(**repo, revision="v1", local_dir="v1",
                                                          allow_patterns="d2/*.txt")).rglob("*.txt")))
print([info.size for info in api.get_paths_info(**repo, paths=["more.bin", "none", "d0/0.bin"])])
api.delete_tag(**repo, tag="v1")
api.delete_branch(**repo, branch="side")
refs = api.list_repo_refs(**repo)
print(len(refs.tags), [branch.name for branch in refs.branches])
api.super_squash_history(**repo, commit_message="one")
print([commit.title for commit in api.list_repo_commits(**repo)], len(api.list_repo_files(**repo)))
api.update_repo_settings(**repo, private=True)
print(api.repo_info(**repo).private)
api.delete_repo(**repo)
print(api.repo_exists(**repo))
"""
    assert run(hub, code, tmp_path, upload) == [
        "25 ['.gitattributes', 'd0/9.bin', 'd2/2.txt']",
        "['copy', 'all', 'initial commit']",
        "True",
        "['11.txt', '2.txt', '5.txt', '8.txt']",
        "[100, 999]",
        "0 ['main']",
        "['one'] 28",
        "True",
        "False",
    ]


@UPLOADS
def test_files_that_were_sent_ahead_are_committed_at_once(
    hub: local_hub.Server, tmp_path: Path, upload: str
) -> None:
    code = """
import os
from huggingface_hub import CommitOperationAdd, HfApi, hf_hub_download
api, repo = HfApi(), dict(repo_id=f"lrl-align/ahead-{UPLOAD}", repo_type="dataset")
api.create_repo(**repo, private=True)
head = api.repo_info(**repo).sha
data = [os.urandom(50_000 + number) for number in range(5)]
adds = []
for number, content in enumerate(data):
    adds.append(CommitOperationAdd(f"{number}.parquet", content))
    api.preupload_lfs_files(**repo, additions=[adds[-1]])
made = api.create_commit(**repo, operations=adds, commit_message="c", parent_commit=head)
for number, content in enumerate(data):
    assert open(hf_hub_download(**repo, filename=f"{number}.parquet", revision=made.oid), "rb").read() == content
print(len(api.list_repo_commits(**repo)))
"""
    assert run(hub, code, tmp_path, upload) == ["2"]


@UPLOADS
def test_push_to_hub_of_a_dataset_also_above_fifty_files(
    hub: local_hub.Server, tmp_path: Path, upload: str
) -> None:
    code = """
from datasets import Dataset, DatasetDict, load_dataset
from huggingface_hub import HfApi
repo = f"someone/many-{UPLOAD}"
data = DatasetDict(train=Dataset.from_dict({"a": list(range(130))}), test=Dataset.from_dict({"a": [1, 2]}))
data.push_to_hub(repo, num_shards={"train": 60, "test": 1})
data.push_to_hub(repo, config_name="other")
print({split: part["a"][:] == data[split]["a"][:] for split, part in load_dataset(repo).items()})
print(load_dataset(repo, "other", split="test")["a"][:])
print(sum(row["a"] for row in load_dataset(repo, streaming=True, split="train")))
print(len(HfApi().list_repo_commits(repo, repo_type="dataset")))
"""
    assert run(hub, code, tmp_path, upload) == [
        "{'train': True, 'test': True}",
        "[1, 2]",
        str(sum(range(130))),
        "5",
    ]


@pytest.mark.parametrize("upload", ["xet"])
def test_push_to_hub_of_a_model_with_its_tokenizer(
    hub: local_hub.Server, tmp_path: Path, upload: str
) -> None:
    code = """
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import (AutoModelForCausalLM, AutoTokenizer, GPT2Config, GPT2LMHeadModel,
                          PreTrainedTokenizerFast)
repo = f"someone/tiny-{UPLOAD}"
words = Tokenizer(models.WordLevel({"<unk>": 0, "habari": 1, "yako": 2}, unk_token="<unk>"))
words.pre_tokenizer = pre_tokenizers.Whitespace()
PreTrainedTokenizerFast(tokenizer_object=words, unk_token="<unk>").push_to_hub(repo)
shape = dict(n_layer=1, n_head=2, n_embd=16, vocab_size=3, n_positions=16)
model = GPT2LMHeadModel(GPT2Config(**shape, bos_token_id=0, eos_token_id=0))
model.push_to_hub(repo)
back = AutoModelForCausalLM.from_pretrained(repo)
print(all(torch.equal(a, b) for a, b in zip(model.state_dict().values(), back.state_dict().values(), strict=True)))
print(AutoTokenizer.from_pretrained(repo)("habari yako")["input_ids"])
"""
    assert run(hub, code, tmp_path, upload) == ["True", "[1, 2]"]


def test_a_pull_request_is_a_commit_beside_the_branch_until_it_is_merged(
    hub: local_hub.Server, tmp_path: Path
) -> None:
    code = """
from huggingface_hub import CommitOperationAdd as Add, HfApi
from huggingface_hub.errors import HfHubHTTPError
api, repo = HfApi(), dict(repo_id="lrl-align/pulls", repo_type="dataset")
api.create_repo(**repo)
head = api.repo_info(**repo).sha
commit = lambda path, **kw: api.create_commit(**repo, operations=[Add(path, b"\\0data")], commit_message=path, **kw)
one, two = commit("a.bin", create_pr=True), commit("b.bin", create_pr=True, parent_commit=head)
print(one.pr_revision, one.pr_num, two.pr_revision, api.repo_info(**repo).sha == head)
more = commit("c.txt", revision="refs/pr/1")
print(sorted(api.list_repo_files(**repo, revision="refs/pr/1")), api.list_repo_files(**repo))
refs = api.list_repo_refs(**repo, include_pull_requests=True).pull_requests
print([(ref.ref, ref.target_commit == oid) for ref, oid in zip(refs, (more.oid, two.oid), strict=True)])
api.merge_pull_request(**repo, discussion_num=1)
print(api.repo_info(**repo).sha == more.oid)
try:
    api.merge_pull_request(**repo, discussion_num=2)
except HfHubHTTPError as problem:
    print(problem.response.status_code)
"""
    assert run(hub, code, tmp_path) == [
        "refs/pr/1 1 refs/pr/2 True",
        "['.gitattributes', 'a.bin', 'c.txt'] ['.gitattributes']",
        "[('refs/pr/1', True), ('refs/pr/2', True)]",
        "True",
        "409",
    ]


@pytest.mark.parametrize("upload", ["xet"])
def test_the_hf_command(hub: local_hub.Server, tmp_path: Path, upload: str) -> None:
    home, up = tmp_path / "home", tmp_path / "up"
    up.mkdir()
    (up / "x.bin").write_bytes(os.urandom(2000))
    (up / "README.md").write_text("---\nlicense: cc0-1.0\n---\n# Written for the tests\n")
    repo, kind = f"someone/by-hf-{upload}", ["--type", "dataset"]

    def hf(*words: str) -> str:
        done = subprocess.run(
            [sys.executable, "-c", "from huggingface_hub.cli.hf import main; main()", *words],
            cwd=tmp_path,
            env=client_environment(hub.url, home) | {"HF_HUB_DISABLE_XET": str(int(upload == "lfs"))},
            capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    hf("repos", "create", repo, *kind)
    hf("upload", repo, "up", ".", *kind, "--commit-message", "Files")
    hf("repos", "tag", "create", repo, "v1", *kind)
    assert "v1" in hf("repos", "tag", "list", repo, *kind)
    hf("repos", "delete-files", repo, "x.bin", *kind)
    info = json.loads(hf("datasets", "info", repo, "--json"))
    assert sorted(file["rfilename"] for file in info["siblings"]) == [".gitattributes", "README.md"]
    assert "# Written for the tests" in hf("datasets", "card", repo)
    assert repo in hf("datasets", "list", "--author", "someone", "--quiet").split()
    hf("download", repo, *kind, "--revision", "v1", "--local-dir", "down")
    assert (tmp_path / "down/x.bin").read_bytes() == (up / "x.bin").read_bytes()
    hf("repos", "branch", "create", repo, "side", *kind)
    hf("repos", "branch", "delete", repo, "side", *kind)
    hf("repos", "settings", repo, *kind, "--private")
    hf("repos", "tag", "delete", repo, "v1", *kind, "--yes")
    hf("repos", "delete", repo, *kind, "--yes")
    assert not hub.store.exists("datasets", repo)
