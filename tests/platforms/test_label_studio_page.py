"""The labelling page in a real browser: an answer typed on a phone, a judgement clicked, both pulled."""

from __future__ import annotations

import shutil
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, expect, sync_playwright

from lrl_datasets.sources.campaign import Campaign
from tests.crowd.tasks import platforms, test_comparisons

from .label_studio_server import Person, Running

pytestmark = [pytest.mark.platforms, pytest.mark.timeout(2400)]
ANSWER = "Funika pipa la maji kwa kifuniko safi.\n\nKisha chemsha maji hayo kabla ya kunywa."
SHAPE = {"id", "type", "value", "origin", "to_name", "from_name"}
"""What the page writes of one control; the simulated crowd's exports are of this shape."""
SIX = ("language", "fluency", "helpful", "accuracy", "coherence", "harmless")


@pytest.fixture(scope="module")
def screens() -> Iterator[dict[str, BrowserContext]]:
    """A phone and a desk in Chromium as the system has it; nothing is downloaded."""
    found = shutil.which("chromium") or shutil.which("google-chrome") or shutil.which("chrome")
    assert found is not None, "this test needs Chromium: apt-get install chromium"
    expect.set_options(timeout=60_000)
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=found, args=["--no-sandbox"])
        phone = browser.new_context(viewport={"width": 390, "height": 844}, is_mobile=True, has_touch=True)
        desk = browser.new_context(viewport={"width": 1200, "height": 850})
        yield {"phone": phone, "desk": desk}
        browser.close()


def opened(screen: BrowserContext, person: Person, address: str) -> Page:
    """Open the address that push printed as somebody who is logged in."""
    screen.clear_cookies()
    page = screen.new_page()
    page.set_default_timeout(60_000)
    cookies = person.client.cookies.jar
    screen.add_cookies([{"name": one.name, "value": one.value or "", "url": address} for one in cookies])
    page.goto(address)
    page.wait_for_selector(".lrl")
    return page


def handed_in(page: Page) -> list[dict[str, Any]]:
    """Press the button and give what the page sent."""
    with page.expect_response(lambda one: one.request.method == "POST" and "/annotations" in one.url) as done:
        submit(page)
    assert done.value.status == 201
    sent: list[dict[str, Any]] = done.value.request.post_data_json["result"]
    page.close()
    return sent


def read_and_close_the_instructions(page: Page, title: str) -> None:
    heading = page.locator(".lsf-modal-ls__title")
    expect(heading).to_be_visible()
    assert heading.evaluate("one => getComputedStyle(one, '::after').content") == '"Maelekezo"'
    expect(page.locator(".lsf-modal-ls__body")).to_contain_text(title)
    close = page.get_by_label("Close modal")
    expect(close).to_be_in_viewport(ratio=1)
    close.click()
    expect(page.locator(".lsf-modal-ls__body")).to_have_count(0)


def submit(page: Page) -> None:
    button = page.get_by_test_id("bottombar-submit-button")
    expect(button).to_be_in_viewport(ratio=1)
    assert button.evaluate("one => getComputedStyle(one, '::after').content") == '"Wasilisha"'
    button.click()


def test_an_answer_and_a_judgement(
    screens: dict[str, BrowserContext], server: Running, lrl: Callable[..., str], tmp_path: Path
) -> None:
    folder = platforms.folder(
        tmp_path / "campaign",
        "label_studio",
        [{"prompt": "Eleza jinsi ya kuhifadhi maji safi nyumbani."}],
        [],
    )
    toml = (folder / "campaign.toml").read_text(encoding="utf-8")
    toml = toml.replace('"round"', '"page"').replace('golden = "golden.jsonl"\ngolden_share = 0.3\n', "")
    (folder / "campaign.toml").write_text(toml, encoding="utf-8")
    writer, judge = server.sign_up("mwandishi@example.org"), server.sign_up("mkaguzi@example.org")

    said = lrl("crowd", "push", "answer")
    page = opened(screens["phone"], writer, said.split()[-1])
    read_and_close_the_instructions(page, "Andika jibu")
    expect(page.locator(".lrl")).to_contain_text("Eleza jinsi ya kuhifadhi maji safi nyumbani.")
    expect(page.get_by_text("Matini")).to_be_hidden()  # this prompt has no context
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    submit(page)
    expect(page.get_by_text("Tafadhali jibu kila swali.")).to_be_visible()
    page.keyboard.press("Escape")
    page.get_by_test_id("textarea-input").fill(ANSWER)
    (sent,) = handed_in(page)
    assert sent["value"] == {"text": [ANSWER]} and sent.keys() == SHAPE
    lrl("crowd", "pull")
    (answer,) = Campaign(under_way=True).read(folder).candidates.to_pylist()
    assert answer["messages"][1]["content"] == ANSWER and answer["worker"] == str(writer.id)

    said = lrl("crowd", "push", "helpful")
    for person, screen, label in ((judge, "desk", "Ndiyo"), (writer, "phone", "Hapana")):
        page = opened(screens[screen], person, said.split()[-1])
        read_and_close_the_instructions(page, "Kagua jibu")
        expect(page.locator(".lrl")).to_contain_text("Kisha chemsha maji hayo kabla ya kunywa.")
        page.get_by_text(label).click()
        handed_in(page)
    lrl("crowd", "pull", "helpful")
    votes = Campaign(under_way=True).read(folder).judgements.to_pylist()
    assert {(vote["worker"], vote["label"], vote["text"]) for vote in votes} == {
        (str(judge.id), "yes", ANSWER), (str(writer.id), "no", ANSWER),
    }  # fmt: skip
    assert all(vote["record"] == answer["record"] and vote["duration_s"] > 0 for vote in votes)


def simulated(lrl: Callable[..., str], folder: Path, prompts: int, votes: str) -> None:
    """Let a simulated crowd do what comes before a stage; the campaign gets a name that the server has not."""
    toml = folder / "campaign.toml"
    toml.write_text(toml.read_text().replace('"round"', f'"simulated {votes[:-2]}"'))
    file = folder / "prompts.jsonl"
    file.write_text("".join(file.read_text().splitlines(keepends=True)[:prompts]))
    lrl("crowd", "simulate", "--crowd", "expert=12", "--seed", "4", "--rounds", "1")
    for path in folder.glob(votes):
        path.unlink()


def chosen(question: str, label: str, shown: str) -> dict[str, Any]:
    """What the page writes of a choice."""
    given = {"from_name": question, "to_name": f"shown_{shown}", "type": "choices", "origin": "manual"}
    return {**given, "id": "aB3_x-yZ0k", "value": {"choices": [label]}}


def test_comparisons_in_both_orders(
    screens: dict[str, BrowserContext], server: Running, lrl: Callable[..., str], tmp_path: Path
) -> None:
    folder = test_comparisons.folder(tmp_path / "campaign", "label_studio", comparisons="comparisons = 1")
    simulated(lrl, folder, 2, "better-*")
    said = lrl("crowd", "push", "better")
    assert "4 tasks and 2 control tasks added" in said  # two pairs, each in both orders
    project, address = int(said.partition("project ")[2].partition(",")[0]), said.split()[-1]
    people = [server.sign_up(f"mlinganishi{number}@example.org") for number in range(3)]
    first = people[0].next(project)
    assert first is not None

    page = opened(screens["phone"], people[0], address)
    read_and_close_the_instructions(page, "Linganisha majibu mawili")
    boxes = {}
    for side, name in (("left", "Jibu A"), ("right", "Jibu B")):
        text = page.locator(".lrl-text", has=page.get_by_role("heading", name=name))
        expect(text).to_contain_text(first["data"][side].splitlines()[0])
        boxes[side] = text.bounding_box()
    assert boxes["left"] and boxes["right"]
    assert boxes["left"]["y"] + boxes["left"]["height"] <= boxes["right"]["y"]  # one below the other
    choices = [
        page.locator(".lsf-choice", has_text=word) for word in ("Jibu A", "Yote mawili ni sawa", "Jibu B")
    ]
    assert all(
        (box := choice.bounding_box()) and box["height"] >= 44 and box["width"] > 300 for choice in choices
    )
    choices[2].click()
    assert [sent | {"id": ""} for sent in handed_in(page)] == [
        chosen("better", "right", "right") | {"id": ""}
    ]
    given = {(str(people[0].id), first["data"]["left_id"], first["data"]["right_id"]): "right"}
    page = opened(screens["desk"], people[1], address)
    read_and_close_the_instructions(page, "Linganisha majibu mawili")
    left, right = (page.locator(".lrl-pair .lrl-text").nth(at).bounding_box() for at in (0, 1))
    assert left and right and left["y"] == right["y"] and left["x"] + left["width"] <= right["x"]
    page.close()

    orders = defaultdict(set)
    for person, label in zip(people, ("left", "tie", "right"), strict=True):
        while (task := person.next(project)) is not None:
            person.hand_in(task["id"], chosen("better", label, "right"))
            sides = task["data"]["left_id"], task["data"]["right_id"]
            given[str(person.id), *sides] = label
            orders[frozenset(sides)].add(sides)
    lrl("crowd", "pull", "better")
    votes = [
        row
        for row in Campaign(under_way=True).read(folder).judgements.to_pylist()
        if row["question"] == "better"
    ]
    assert {(row["worker"], row["record"], row["other_record"]): row["label"] for row in votes} == given
    golden = [row for row in votes if row["golden"]]
    assert {row["golden"] for row in golden} == {"left", "right"} and len(golden) == 3
    ordinary = {frozenset((row["record"], row["other_record"])) for row in votes if not row["golden"]}
    assert len(ordinary) == 2 and all(len(orders[pair]) == 2 for pair in ordinary)
    # Somebody had both orders of both pairs: the second is a repeated vote, and somebody else is asked.
    assert "2 of these ask for more annotators now" in lrl("crowd", "push", "better")
    assert people[2].next(project) is not None and people[0].next(project) is None


def test_a_rubric(
    screens: dict[str, BrowserContext], server: Running, lrl: Callable[..., str], tmp_path: Path
) -> None:
    known = {"id": "g1", "prompt": "Taja mto wa Tanzania.", "answer": "Rufiji."} | dict.fromkeys(SIX, "2")
    prompts = [{"prompt": "Taja faida mbili za miti."}]
    folder = platforms.folder(
        tmp_path / "campaign", "label_studio", prompts, [known], rubric=True, criteria=SIX
    )
    simulated(lrl, folder, 1, "votes-*")
    said = lrl("crowd", "push", "2")
    assert "2 tasks and 1 control task added" in said
    project, address = int(said.partition("project ")[2].partition(",")[0]), said.split()[-1]
    people = [server.sign_up(f"mkaguzi{number}@example.org") for number in range(2)]
    first = people[0].next(project)
    assert first is not None

    page = opened(screens["phone"], people[0], address)
    read_and_close_the_instructions(page, "Kagua jibu, kipengele kwa kipengele")
    questions = page.locator(".lrl-marks")
    expect(questions).to_have_count(6)
    for at, mark in enumerate("01212"):
        box = (choice := questions.nth(at).locator(".lsf-choice", has_text=f"{mark} · ")).bounding_box()
        assert box and box["height"] >= 44 and box["width"] > 300
        choice.click()
    submit(page)
    expect(page.get_by_text("Tafadhali jibu kila swali.")).to_be_visible()
    page.keyboard.press("Escape")
    questions.nth(5).get_by_text("2 · Halina madhara wala matusi").click()
    marks = dict(zip(SIX, "012122", strict=True))
    sent = handed_in(page)
    assert {one["from_name"]: one["value"]["choices"] for one in sent} == {q: [m] for q, m in marks.items()}
    assert all(one.keys() == SHAPE and one["to_name"] == "shown_answer" for one in sent)
    given = {(str(people[0].id), first["data"]["answer_id"], q): m for q, m in marks.items()}
    for person in people:
        while (task := person.next(project)) is not None:
            person.hand_in(task["id"], *(chosen(question, "1", "answer") for question in SIX))
            given |= {(str(person.id), task["data"]["answer_id"], question): "1" for question in SIX}
    lrl("crowd", "pull", "2")
    votes = Campaign(under_way=True).read(folder).judgements.to_pylist()
    assert {(row["worker"], row["record"], row["question"]): row["label"] for row in votes} == given
    assert len(votes) == 2 * 3 * 6 and sum(row["golden"] == "2" for row in votes) == 2 * 6
