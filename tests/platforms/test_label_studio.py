"""A campaign through a real Label Studio: pushed, done by several people, pulled, decided, built."""

from __future__ import annotations

import csv
import io
import json
import stat
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import pyarrow.parquet as pq
import pytest

from lrl_datasets.cli import crowd_stage
from lrl_datasets.errors import LrlError
from lrl_datasets.platforms.label_studio import Server, push
from lrl_datasets.sources.campaign import Campaign
from tests.crowd.tasks import platforms

from .label_studio_server import Person, Running

pytestmark = [pytest.mark.platforms, pytest.mark.timeout(2400)]  # an installation of a gigabyte may be in it
TEXTS = Path(__file__).parent.parent.parent / "builders" / "samples" / "swahili" / "texts"


def texts(name: str) -> list[dict[str, str]]:
    return [json.loads(line) for line in (TEXTS / name).read_text(encoding="utf-8").splitlines()]


@pytest.fixture(scope="module")
def people(server: Running) -> list[Person]:
    return [server.sign_up(f"mtu{number}@example.org") for number in range(6)]


def work(person: Person, project: int, give: Callable[[dict[str, Any]], dict[str, Any] | None]) -> int:
    """Do every task that the server has for somebody."""
    done = 0
    while (task := person.next(project)) is not None:
        person.hand_in(task["id"], give(task["data"]))
        done += 1
    return done


def written(text: str) -> dict[str, Any]:
    return {"from_name": "answer", "to_name": "shown_context", "type": "textarea", "value": {"text": [text]}}


def chosen(label: str) -> dict[str, Any]:
    return {
        "from_name": "helpful",
        "to_name": "shown_answer",
        "type": "choices",
        "value": {"choices": [label]},
    }


def project_of(said: str) -> int:
    return int(said.partition("project ")[2].partition(",")[0])


def test_a_whole_campaign(
    lrl: Callable[..., str], server: Running, people: list[Person], tmp_path: Path
) -> None:
    by_id = {row["id"]: row["prompt"] for row in texts("prompts.jsonl")[:4]}
    pairs = [
        [row for row in texts("answers.jsonl") if row["prompt"] == prompt and row["kind"] in ("good", "weak")]
        for prompt in by_id
    ]
    good = [next(row["text"] for row in pair if row["kind"] == "good") for pair in pairs]
    other = [next(row for row in reversed(pair) if row["text"] not in good) for pair in pairs]
    answers = {prompt: (good[n], other[n]["text"]) for n, prompt in enumerate(by_id.values())}
    truth = dict.fromkeys(good, "yes") | {
        row["text"]: {"good": "yes", "weak": "no"}[row["kind"]] for row in other
    }
    assert Counter(truth.values())["no"] >= 1 and len(truth) == 8
    golden = texts("golden.jsonl")
    folder = platforms.folder(
        tmp_path / "campaign", "label_studio",
        [{"prompt": text, "original_id": f"lrl-sample-sw:{name}"} for name, text in by_id.items()],
        [{name: row[name] for name in ("id", "prompt", "answer", "helpful")} for row in golden],
    )  # fmt: skip

    # Answers: two a prompt; somebody skips, and somebody begins and does not finish.
    said = lrl("crowd", "push", "answer")
    assert "made" in said and "4 tasks and 0 control tasks added, 0 were there" in said
    assert "unchanged" in (again := lrl("crowd", "push", "answer")) and "0 tasks and 0" in again
    assert "nobody has handed anything in yet" in lrl("crowd", "pull")
    asked = project_of(said)
    first = people[3].next(asked)
    assert first is not None
    people[3].hand_in(first["id"], None)
    late = "Jibu langu la kuchelewa: naomba muda zaidi ili niweze kulikamilisha vizuri leo jioni."
    draft = people[3].ask(
        "POST", f"/api/tasks/{first['id'] + 1}/drafts", json={"result": [written(late)], "lead_time": 4}
    )
    for at in (0, 1):
        assert work(people[at], asked, lambda data, at=at: written(answers[data["prompt"]][at])) == 4  # type: ignore[misc]
    said = lrl("crowd", "pull", "answer")
    assert "10 records, 10 new, 0 unreadable" in said
    (export,) = folder.glob("answers-*.json")
    assert stat.S_IMODE(export.stat().st_mode) == 0o600
    assert "the same records are there" in lrl("crowd", "pull") and list(folder.glob("answers-*")) == [export]
    rows = Campaign(under_way=True).read(folder).candidates.to_pylist()
    assert Counter((row["worker"], row["status"], row["mark.source"]) for row in rows) == {
        (str(people[0].id), "submitted", None): 4,
        (str(people[1].id), "submitted", None): 4,
        (str(people[3].id), "skipped", "not_submitted"): 1,
        (str(people[3].id), "active", "not_submitted"): 1,
    }
    assert {row["messages"][1]["content"] for row in rows if row["mark.source"] is None} == set(truth)

    # The draft is handed in after all; the newer export takes the older one's place.
    truth[late] = "yes"
    prompt = people[3].ask("GET", f"/api/tasks/{first['id'] + 1}/")["data"]["prompt"]
    lacking = sum(truth[pair[1]] == "no" for shown, pair in answers.items() if shown != prompt)
    people[3].hand_in(first["id"] + 1, written(late), draft_id=draft["id"])
    assert "takes the older export's place, 1 new record" in lrl("crowd", "pull")
    assert Campaign(under_way=True).read(folder).candidates.num_rows == 10

    # Judgements: somebody is against everything, two judge their own answers too.
    labels = truth | {row["answer"]: row["helpful"] for row in golden}
    said = lrl("crowd", "push", "helpful")
    assert "9 tasks and 5 control tasks added" in said
    judged = project_of(said)
    sent = [
        task["data"] for task in server.admin.ask("GET", f"/api/tasks/?project={judged}&fields=all")["tasks"]
    ]
    assert len(sent) == 14 and {*sent[0]} == {"answer_id", "prompt", "answer", "task"}  # no golden label
    wrong = {"yes": "no", "no": "yes"}
    assert work(people[5], judged, lambda data: chosen(wrong[labels[data["answer"]]])) == 14
    said = lrl("crowd", "push", "helpful")
    assert "0 tasks and 0 control tasks added, 9 were there" in said
    assert "14 annotations wait on the server" in said and "more annotators" not in said
    for person in people[:2]:
        assert work(person, judged, lambda data: chosen(labels[data["answer"]])) == 14
    assert "42 records, 42 new" in lrl("crowd", "pull")
    assert "9 of these ask for more annotators now" in lrl("crowd", "push", "helpful")
    assert "more annotators" not in lrl("crowd", "push", "helpful")
    done = [
        work(person, judged, lambda data: chosen(labels[data["answer"]])) for person in (people[2], people[4])
    ]
    assert (
        done[0] == 9 and done[1] == 8
    )  # nobody gets a task twice; 8 answers had two votes that do not count
    lrl("crowd", "pull", "helpful")
    said = lrl("crowd", "push", "helpful")
    assert "0 tasks and 0 control tasks added, 0 were there" in said and "more" not in said

    # The golden labels are joined here: a file from the server has none, and one that was pulled keeps its own.
    by_hand = tmp_path / "project.json"
    for form in ("JSON", "JSON_MIN"):
        address = f"/api/projects/{judged}/export?exportType={form}"
        by_hand.write_bytes(server.admin.client.get(address).content)
        assert "bring it in with lrl crowd pull" in lrl("crowd", "import", by_hand, code=2)
    (kept,) = folder.glob("votes-*.json")
    before, all_golden = kept.read_bytes(), (folder / "golden.jsonl").read_text()
    (folder / "golden.jsonl").write_text(all_golden.splitlines()[0])
    assert "the same records are there" in lrl("crowd", "pull", "helpful") and kept.read_bytes() == before
    (folder / "golden.jsonl").write_text(all_golden)

    # Decisions, and what was refused is asked for again.
    lrl("crowd", "decide")
    reviews = list(csv.DictReader(io.StringIO((folder / "outbox" / "1-answer" / "reviews.csv").read_text())))
    refused = [text for text, label in truth.items() if label == "no"]
    assert Counter(row["verdict"] for row in reviews) == {"accept": 9 - len(refused), "reject": len(refused)}
    assert (folder / "outbox" / "2-helpful" / "keep-out.txt").read_text() == f"{people[5].id}\n"
    asks = "asks" if lacking == 1 else "ask"
    assert f"{lacking} of these {asks} for more annotators now" in lrl("crowd", "push", "answer")
    assert people[2].next(asked) is not None and people[0].next(asked) is None

    # The build from the folder.
    said = lrl("build", "swahili-instruct", "--source", f"campaign={folder}", "--only", "campaign")
    release = tmp_path / "build" / "lrl-align" / "swahili-instruct"
    published = rows_of(release / "default")
    assert {row["messages"][1]["content"] for row in published} == {
        t for t, label in truth.items() if label == "yes"
    }
    assert all(row["n_votes"] == 3 and row["agreement"] == 1 for row in published)
    turned_down = Counter(
        (row["reason"], row["messages"][1]["content"]) for row in rows_of(release / "rejected")
    )
    assert turned_down == {("unhelpful", text): 1 for text in refused} | {("not_submitted", ""): 1}
    votes = rows_of(release / "annotations")
    own = 4 + 4
    assert Counter(row["reason"] for row in votes) == {
        None: 9 * 3, "golden": 5 * 3, "own_answer": own, "failed_worker": 9,
    }  # fmt: skip
    assert len({row["worker"] for row in votes}) == 5 and all(row["duration_s"] == 20.5 for row in votes)
    assert not {row["worker"] for row in votes} & {str(person.id) for person in people}


def rows_of(config: Path) -> list[dict[str, Any]]:
    return [row for path in sorted(config.glob("*.parquet")) for row in pq.read_table(path).to_pylist()]


def test_what_cannot_be_done_is_said(
    lrl: Callable[..., str], server: Running, people: list[Person], token: str, tmp_path: Path
) -> None:
    folder = platforms.folder(tmp_path / "campaign", "label_studio", [{"prompt": "Taja mto mmoja."}], [])
    toml = folder / "campaign.toml"
    toml.write_text(toml.read_text().replace('"round"', f'"{"jina refu " * 8}"'))
    assert "has no project" in lrl("crowd", "pull", "answer", code=2)
    project = project_of(lrl("crowd", "push", "answer"))
    people[0].hand_in(people[0].next(project)["id"], written("Rufiji."))  # type: ignore[index]

    from lrl_datasets.crowd.tasks import label_studio as writer
    from lrl_datasets.sources import campaign_toml

    page, _, _, _ = crowd_stage.open_tasks(folder, campaign_toml.load(folder), 1)
    settings = writer.project(page, 2)
    assert len(settings["title"]) == 50
    with Server(server.url, token) as client:
        with pytest.raises(
            LrlError, match=rf"project {project} .* has another labelling config and 1 annotations"
        ):
            push(
                client,
                settings | {"label_config": settings["label_config"] + "<!-- -->"},
                {},
                lambda _: [],
                set(),
            )
        broken = settings | {"title": "x y z", "label_config": "<View><Choices/></View>"}
        with pytest.raises(LrlError, match=r"answers 400: label_config: .*required property"):
            push(client, broken, {}, lambda _: [], set())
    for wrong, why in (("a.b.c", "Token is invalid"), ("0" * 40, "This is a legacy token")):
        with Server(server.url, wrong) as client, pytest.raises(LrlError, match=why):
            client.find("x")
    with Server("http://127.0.0.1:9", token) as client, pytest.raises(LrlError, match="is not reachable"):
        client.find("x")
    with (
        Server(server.url, token, timeout=0.001) as client,
        pytest.raises(LrlError, match="no answer within"),
    ):
        client.find("x")


def test_a_bearer_that_has_run_out_is_fetched_anew(server: Running, token: str) -> None:
    with Server(server.url, token) as client:
        client._authorization = "Bearer " + "a.b.c"
        assert client.find("no such project") is None
        assert client._authorization != "Bearer a.b.c"
        assert (
            httpx2.get(
                f"{server.url}/api/projects/", headers={"Authorization": f"Bearer {token}"}
            ).status_code
            == 401
        )
