"""Pull requests through the real client, and their page: from proposal to merge, or not."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lrl_datasets import local_hub
from lrl_datasets.local_hub import HubError, Store
from lrl_datasets.local_hub.commits import Changes
from lrl_datasets.release.publish import publish
from tests.hub import client_environment, run_client, running_hub
from tests.local_hub.http import request
from tests.local_hub.test_pages import page, safe
from tests.release.releases import REPO, release

ID = ("datasets", "lrl-align/x")


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[local_hub.Server]:
    with running_hub(tmp_path) as server:
        yield server


@pytest.fixture
def proposed(hub: local_hub.Server) -> Store:
    """A dataset with a file to keep, one to change and one to delete, and a pull request that does."""
    store = hub.store
    store.create(*ID)
    files = {
        name: store.objects.add_regular(name.encode()) for name in ("keep.txt", "change.txt", "delete.txt")
    }
    store.commit(*ID, "main", Changes(files), title="three files")
    new = {name: store.objects.add_regular(b"new") for name in ("change.txt", "add & co.txt")}
    store.commit(*ID, "main", Changes(new, ["delete.txt"]), title="<script>alert(1)</script>", create_pr=True)
    return store


def test_a_release_is_proposed_merged_and_then_tagged(
    hub: local_hub.Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
    first = publish(release(tmp_path / "one"), hub.url)
    two = release(tmp_path / "two", "2.0.0", rows=4, previous=tmp_path / "one")
    made = publish(two, hub.url, create_pr=True)
    assert (made.tag, made.url) == (None, f"{hub.url}/datasets/{REPO}/discussions/1")
    assert request(hub, "GET", f"/datasets/{REPO}/discussions/1")[0] == 200
    code = f"""
from huggingface_hub import HfApi
api, repo = HfApi(), dict(repo_id={REPO!r}, repo_type="dataset")
def told():
    one = api.get_discussion_details(**repo, discussion_num=1)
    return one.title, one.status, one.conflicting_files, one.merge_commit_oid, [e.oid for e in one.events]
print(told())
print([(one.num, one.title, one.status, one.git_reference, one.url) for one in api.get_repo_discussions(**repo)])
api.merge_pull_request(**repo, discussion_num=1, comment="looked at")
print(told())
wanted = dict(discussion_type="pull_request", discussion_status="open")
print([list(api.get_repo_discussions(**repo, **given)) for given in (
    wanted, dict(author="somebody"), dict(discussion_type="discussion"))])
print(len(list(api.get_repo_discussions(**repo, discussion_status="closed", author="local"))))
"""
    assert run_client(code, hub.url, tmp_path).splitlines() == [
        str(("Release 2.0.0", "open", [], None, [made.commit])),
        str([(1, "Release 2.0.0", "open", "refs/pr/1", made.url)]),
        str(("Release 2.0.0", "merged", [], made.commit, [made.commit])),
        "[[], [], []]",
        "1",
    ]
    tagged = publish(two, hub.url)
    assert (tagged.tag, tagged.commit, tagged.uploaded) == ("v2.0.0", made.commit, 0)
    assert hub.store.refs("datasets", REPO).tags == {"v1.0.0": first.commit, "v2.0.0": made.commit}


def test_the_page_says_what_changes_and_how_to_merge(hub: local_hub.Server, proposed: Store) -> None:
    where = "/datasets/lrl-align/x/discussions/1"
    seen = page(hub, where)
    safe(seen)
    head = proposed.resolve(*ID, "refs/pr/1")
    for text in ("<script>alert(1)</script>", "#1", "open", head[:12], "3 files changed against main",
                 f"export HF_ENDPOINT={hub.url}\nhf discussions merge lrl-align/x 1 --type dataset"):  # fmt: skip
        assert text in seen.text
    rows = " ".join(seen.text.split("against main")[1].split())
    assert rows == ". addedadd & co.txt 3 Bchangedchange.txt 10 B → 3 Bdeleteddelete.txt 10 B"
    cells = [attributes["class"] for tag, attributes in seen.tags if tag == "td" and attributes.get("class")]
    assert cells == ["name", "sizes"] * 3  # on a phone the line breaks between the sizes, not within one
    link = next(link for link in seen.links() if link.endswith("add%20%26%20co.txt"))
    assert request(hub, "GET", link)[2] == b"new"
    assert where in page(hub, "/datasets/lrl-align/x").links()
    front = page(hub, "/")
    assert "1 open pull request" in front.text and f"{where[:-14]}#pull-requests" in front.links()
    command = "import sys; sys.argv[0] = 'hf'; from huggingface_hub.cli.hf import main; main()"
    words = ["discussions", "merge", "lrl-align/x", "1", "--type", "dataset", "--yes"]
    home = proposed.root.parent / "home"
    subprocess.run([sys.executable, "-c", command, *words], env=client_environment(hub.url, home), check=True)
    assert proposed.resolve(*ID, "main") == head
    seen = page(hub, where)
    assert "open pull request" not in page(hub, "/").text
    assert "merged" in seen.text and "against main as it was before" in seen.text
    assert "hf discussions merge" not in seen.text and "delete.txt" in seen.text
    proposed.squash(*ID, "main", "one")
    assert "Its commits are gone" in page(hub, where).text
    for path in (
        "/datasets/lrl-align/x/discussions/2",
        "/datasets/lrl-align/x/discussions/x",
        "/lrl-align/x/discussions/1",
    ):
        assert request(hub, "GET", path)[0] == 404


def test_main_that_moved_on_closing_and_numbers(
    hub: local_hub.Server, proposed: Store, tmp_path: Path
) -> None:
    code = """
from huggingface_hub import CommitOperationAdd as Add, HfApi
from huggingface_hub.errors import HfHubHTTPError
api, repo = HfApi(), dict(repo_id="lrl-align/x", repo_type="dataset")
def refused(call):
    try:
        print("done", call())
    except HfHubHTTPError as problem:
        print(problem.response.status_code, problem.server_message)
set_to = lambda status: api.change_discussion_status(**repo, discussion_num=1, new_status=status)
print(set_to("closed").new_status, api.get_discussion_details(**repo, discussion_num=1).status)
refused(lambda: api.merge_pull_request(**repo, discussion_num=1))
print(set_to("open").new_status)
api.create_commit(**repo, operations=[Add("other.txt", b"1")], commit_message="other")
print(api.get_discussion_details(**repo, discussion_num=1).conflicting_files)
refused(lambda: api.merge_pull_request(**repo, discussion_num=1))
api.delete_branch(**repo, branch="refs/pr/1")
print(api.get_discussion_details(**repo, discussion_num=1).status)
pr = api.create_commit(**repo, operations=[Add("again.txt", b"1")], commit_message="again", create_pr=True)
print(pr.pr_num)
api.merge_pull_request(**repo, discussion_num=2)
refused(lambda: api.merge_pull_request(**repo, discussion_num=2))
refused(lambda: api.change_discussion_status(**repo, discussion_num=2, new_status="closed"))
refused(lambda: api.create_commit(**repo, operations=[Add("x", b"")], commit_message="c", revision="refs/pr/2"))
refused(lambda: api.get_discussion_details(**repo, discussion_num=3))
"""
    seen = page(hub, "/datasets/lrl-align/x/discussions/1")
    assert "cannot be merged" not in seen.text
    assert run_client(code, hub.url, tmp_path).splitlines() == [
        "closed closed",
        "409 This pull request is closed: open it again first",
        "open",
        "True",
        "409 main has changed since this pull request was opened: open it anew",
        "closed",
        "2",
        "409 This pull request is merged already",
        "409 This pull request is merged already",
        "403 This pull request is merged already: open another one",
        "404 There is no pull request 3",
    ]


def test_the_page_of_one_that_main_has_left_behind(hub: local_hub.Server, proposed: Store) -> None:
    change = Changes({"other.txt": proposed.objects.add_regular(b"1")})
    proposed.commit(*ID, "main", change, title="other")
    seen = page(hub, "/datasets/lrl-align/x/discussions/1")
    assert "it cannot be merged here" in seen.text and "hf discussions merge" not in seen.text
    assert "3 files changed" in seen.text and "other.txt" not in seen.text
    proposed.close(*ID, "1")
    assert "closed without being merged" in page(hub, "/datasets/lrl-align/x/discussions/1").text


def test_a_private_pull_request_and_merging_need_the_token(tmp_path: Path) -> None:
    with running_hub(tmp_path, token="hf_secret") as hub:
        store = hub.store
        store.create(*ID, private=True)
        change = Changes({"a.txt": store.objects.add_regular(b"1")})
        store.commit(*ID, "main", change, title="c", create_pr=True)
        for path in ("/datasets/lrl-align/x/discussions/1", "/api/datasets/lrl-align/x/discussions"):
            assert request(hub, "GET", path)[0] == 401
            assert request(hub, "GET", path, {"Authorization": "Bearer hf_secret"})[0] == 200
        store.set_private(*ID, False)
        for action, body in (("merge", {}), ("status", {"status": "closed"})):
            where = f"/api/datasets/lrl-align/x/discussions/1/{action}"
            assert request(hub, "POST", where, body=json.dumps(body).encode())[0] == 401
        assert store.refs(*ID).requests["1"]["status"] == "open"


def test_a_store_from_before_pull_requests_had_a_status(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.create(*ID)
    change = Changes({"a.txt": store.objects.add_regular(b"1")})
    made = store.commit(*ID, "main", change, title="c", create_pr=True)
    file = tmp_path / "datasets/lrl-align--x/refs.json"
    refs = json.loads(file.read_text())
    del refs["requests"]
    file.write_text(json.dumps(refs))
    store.merge(*ID, "1")
    assert store.resolve(*ID, "main") == made.id
    with pytest.raises(HubError, match="merged already"):
        store.merge(*ID, "1")
