"""The labelling page in a real browser: an answer typed on a phone, a judgement clicked, both pulled."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from lrl_datasets.sources.campaign import Campaign
from tests.crowd.tasks import platforms

from .label_studio_server import PASSWORD, Running

pytestmark = [pytest.mark.platforms, pytest.mark.timeout(2400)]
PHONE = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}
DESK = {"viewport": {"width": 1200, "height": 850}}
ANSWER = "Funika pipa la maji kwa kifuniko safi.\n\nKisha chemsha maji hayo kabla ya kunywa."


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium as the system has it; nothing is downloaded."""
    found = shutil.which("chromium") or shutil.which("google-chrome") or shutil.which("chrome")
    assert found is not None, "this test needs Chromium: apt-get install chromium"
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield browser
        browser.close()


def opened(browser: Browser, server: Running, email: str, address: str, screen: dict[str, object]) -> Page:
    """Log in and open the address that push printed."""
    page = browser.new_context(**screen).new_page()  # type: ignore[arg-type]
    page.set_default_timeout(60_000)
    expect.set_options(timeout=60_000)
    page.goto(f"{server.url}/user/login/")
    page.fill("input[name=email]", email)
    page.fill("input[name=password]", PASSWORD)
    page.press("input[name=password]", "Enter")  # on a phone something lies over the button
    page.wait_for_url(lambda url: "login" not in url)
    page.goto(address)
    page.wait_for_selector(".lrl")
    return page


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
    browser: Browser, server: Running, lrl: Callable[..., str], tmp_path: Path
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
    page = opened(browser, server, writer.email, said.split()[-1], PHONE)
    read_and_close_the_instructions(page, "Andika jibu")
    expect(page.locator(".lrl")).to_contain_text("Eleza jinsi ya kuhifadhi maji safi nyumbani.")
    expect(page.get_by_text("Matini")).to_be_hidden()  # this prompt has no context
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    submit(page)
    expect(page.get_by_text("Tafadhali jibu kila swali.")).to_be_visible()
    page.keyboard.press("Escape")
    page.get_by_test_id("textarea-input").fill(ANSWER)
    with page.expect_response(
        lambda answer: answer.request.method == "POST" and "/annotations" in answer.url
    ) as done:
        submit(page)
    assert done.value.status == 201
    page.context.close()
    lrl("crowd", "pull")
    (answer,) = Campaign(under_way=True).read(folder).candidates.to_pylist()
    assert answer["messages"][1]["content"] == ANSWER and answer["worker"] == str(writer.id)

    said = lrl("crowd", "push", "helpful")
    for person, screen, label in ((judge, DESK, "Ndiyo"), (writer, PHONE, "Hapana")):
        page = opened(browser, server, person.email, said.split()[-1], screen)
        read_and_close_the_instructions(page, "Kagua jibu")
        expect(page.locator(".lrl")).to_contain_text("Kisha chemsha maji hayo kabla ya kunywa.")
        page.get_by_text(label).click()
        with page.expect_response(
            lambda one: one.request.method == "POST" and "/annotations" in one.url
        ) as done:
            submit(page)
        assert done.value.status == 201
        page.context.close()
    lrl("crowd", "pull", "helpful")
    votes = Campaign(under_way=True).read(folder).judgements.to_pylist()
    assert {(vote["worker"], vote["label"], vote["text"]) for vote in votes} == {
        (str(judge.id), "yes", ANSWER), (str(writer.id), "no", ANSWER),
    }  # fmt: skip
    assert all(vote["record"] == answer["record"] and vote["duration_s"] > 0 for vote in votes)
