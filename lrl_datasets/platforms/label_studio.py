"""Label Studio's REST API: a stage's project, its tasks, and what its annotators gave.

Follows https://api.labelstud.io, tried with the community edition 1.23.2. Takes what `crowd.tasks.label_studio`
wrote, gives the project's JSON export. Nothing is kept here: a task is recognised by the name in its data.

A personal access token is a refresh token: it gives bearers that live for minutes. Legacy tokens are sent as they are;
new installations refuse them until an administrator allows them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from lrl_datasets.endpoints import without_credentials
from lrl_datasets.errors import LrlError

if TYPE_CHECKING:
    import httpx2

_BATCH = 250
_EDITABLE = ("description", "expert_instruction", "show_instruction", "show_skip_button")


@dataclass(frozen=True)
class Project:
    """A project on the server."""

    id: int
    url: str
    new: bool


@dataclass(frozen=True)
class Pushed:
    """What a push changed."""

    project: Project
    config: bool
    """The labelling config or the instructions were written."""
    added: int
    controls: int
    """Control tasks among them."""
    reopened: int
    """Tasks that were there and now ask for more annotators."""
    there: int
    """Tasks that still lack annotators and were there already."""
    not_pulled: int
    """Annotations on the server that the campaign does not have yet."""


def push(
    server: Server,
    settings: Mapping[str, Any],
    wanted: Mapping[str, int],
    fill: Callable[[set[str]], Sequence[tuple[dict[str, str], int]]],
    pulled: set[str],
    *,
    name: str = "task",
    hidden: Sequence[str] = (),
) -> Pushed:
    """Bring a stage's waiting tasks to the server; what is there already stays as it is.

    Parameters
    ----------
    settings
        The project, as `POST /api/projects` takes it.
    wanted
        Name of a task → annotators it lacks, by what has been pulled.
    fill
        Gives, for the names of tasks that are not there, their data and the number of annotators each, control tasks
        mixed in.
    pulled
        Ids of the annotations that the campaign has: what the server has beyond them is on its way.
    name
        The field of a task's data that names it.
    hidden
        Fields of the data that the project's table does not show, since its annotators see that table too.
    """
    project, changed = _project(server, settings)
    if project.new:
        server.hide(project.id, hidden)
    copies: dict[str, list[dict[str, Any]]] = {}
    not_pulled = 0
    for task in [] if project.new else server.tasks(project.id):
        task["coming"] = sum(str(one) not in pulled for one in task["annotation_ids"])
        not_pulled += task["coming"]
        copies.setdefault(str(task["data"].get(name)), []).append(task)
    reopened = 0
    for task_name in sorted(wanted.keys() & copies.keys()):
        there = copies[task_name]
        expected = sum(task["coming"] + max(0, task["overlap"] - task["given"]) for task in there)
        missing = wanted[task_name] - expected
        if missing > 0:  # asked for in a task that is there: so nobody gets it twice
            server.set_overlap(there[-1]["id"], max(there[-1]["overlap"], there[-1]["given"]) + missing)
            reopened += 1
    tasks = fill(wanted.keys() - copies.keys())
    server.add(project.id, tasks)
    new = wanted.keys() - copies.keys()
    return Pushed(
        project, changed, len(tasks), len(tasks) - len(new), reopened, len(wanted) - len(new), not_pulled
    )


def _project(server: Server, settings: Mapping[str, Any]) -> tuple[Project, bool]:
    """Find or make the project; what it asks may change until somebody has annotated, how it looks always."""
    found = server.find(settings["title"])
    if found is None:
        server.validate(settings["label_config"])
        made = server.create(settings)
        return Project(made["id"], server.labelling(made["id"]), True), True
    project = Project(found["id"], server.labelling(found["id"]), False)
    changed = {key: settings[key] for key in _EDITABLE if found.get(key) != settings[key]}
    if found["label_config"].strip() != settings["label_config"].strip():
        given = found.get("total_annotations_number") or 0
        if given and _asked(found["label_config"]) != _asked(settings["label_config"]):
            raise LrlError(
                f"{server.url}: project {found['id']} ({found['title']!r}) has another labelling config and {given} "
                "annotations already, which the new config might not fit. Pull them, then rename that project (the "
                "next push makes a new one), or take the change of campaign.toml or of the language file back"
            )
        server.validate(settings["label_config"])
        changed["label_config"] = settings["label_config"]
    if changed:
        server.update(found["id"], changed)
    return project, bool(changed)


def _asked(config: str) -> str:
    """Return a labelling config without its looks: another version of this library may have others."""
    return "".join(re.sub(r"<Style>.*?</Style>|</?View\b[^>]*>", "", config, flags=re.DOTALL).split())


class Server:
    """One Label Studio, as one user sees it."""

    def __init__(self, url: str, token: str, timeout: float = 120) -> None:
        import httpx2

        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
            raise LrlError(f"{without_credentials(url)!r} is no address of a server: write http://HOST:PORT")
        self.url = without_credentials(url).rstrip("/")
        self.timeout = timeout
        self._token = token.strip()
        self._personal = self._token.count(".") == 2  # a JWT; the legacy token is forty hex digits
        self._authorization: str | None = None if self._personal else f"Token {self._token}"
        self._client = httpx2.Client(base_url=self.url, timeout=timeout)

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def labelling(self, project: int) -> str:
        """Return the page on which a project's tasks come one after another."""
        return f"{self.url}/projects/{project}/data?labeling=1"

    # ---- projects ---------------------------------------------------------------------------------------

    def find(self, title: str) -> dict[str, Any] | None:
        """Return the project of that title among those this user sees; several are an error."""
        found = [one for one in self._pages("/api/projects/", "results") if one["title"] == title]
        if len(found) > 1:
            ids = ", ".join(str(one["id"]) for one in found)
            raise LrlError(f"{self.url} has several projects {title!r} ({ids}): rename all but one")
        return self._json("GET", f"/api/projects/{found[0]['id']}/") if found else None

    def validate(self, config: str) -> None:
        """Let the server check a labelling config."""
        self._ask("POST", "/api/projects/validate/", json={"label_config": config})

    def create(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        """Make a project."""
        made: dict[str, Any] = self._json("POST", "/api/projects/", json=dict(settings))
        return made

    def update(self, project: int, changed: Mapping[str, Any]) -> None:
        """Change a project's settings."""
        self._ask("PATCH", f"/api/projects/{project}/", json=dict(changed))

    def hide(self, project: int, fields: Sequence[str]) -> None:
        """Make the project's first tab, which all its members see, without some fields of the data."""
        columns = [f"tasks:data.{field}" for field in fields]
        view = {"title": "Default", "hiddenColumns": {"explore": columns, "labeling": columns}}
        self._ask("POST", "/api/dm/views/", json={"project": project, "data": view})

    # ---- tasks ------------------------------------------------------------------------------------------

    def tasks(self, project: int) -> Iterator[dict[str, Any]]:
        """List a project's tasks: `id`, `data`, `overlap`, `given` annotations, and all `annotation_ids`."""
        fields = "id,data,overlap,total_annotations,annotations_ids"
        query = {"project": str(project), "fields": "all", "include": fields}
        for task in self._pages("/api/tasks/", "tasks", query):
            ids = str(task.get("annotations_ids") or "").split(",")
            yield {
                "id": task["id"],
                "data": task["data"],
                "overlap": task["overlap"],
                "given": task["total_annotations"],
                "annotation_ids": [one.strip() for one in ids if one.strip()],
            }

    def add(self, project: int, tasks: Sequence[tuple[dict[str, str], int]]) -> None:
        """Import tasks, each for a number of annotators; in parts, so that no request is a long one."""
        for at in range(0, len(tasks), _BATCH):
            part = tasks[at : at + _BATCH]
            path = f"/api/projects/{project}/import?return_task_ids=true"
            done = self._json("POST", path, json=[{"data": data} for data, _ in part])
            asked = self._json("GET", f"/api/tasks/{done['task_ids'][0]}/")["overlap"]
            for task, (_, overlap) in zip(done["task_ids"], part, strict=True):
                if overlap != asked:
                    self.set_overlap(task, overlap)

    def set_overlap(self, task: int, overlap: int) -> None:
        """Say how many annotators a task is for: more than have done it, so that it is open (again)."""
        self._ask("PATCH", f"/api/tasks/{task}/", json={"overlap": overlap, "is_labeled": False})

    def export(self, project: int) -> bytes:
        """Return the project's JSON export, with every annotation of the tasks that have one."""
        answer = self._ask("GET", f"/api/projects/{project}/export", params={"exportType": "JSON"})
        return bytes(answer.content)

    # ---- requests ---------------------------------------------------------------------------------------

    def _pages(self, path: str, key: str, query: Mapping[str, str] | None = None) -> Iterator[dict[str, Any]]:
        seen, page = 0, 1
        while True:
            found = self._json("GET", path, params={**(query or {}), "page": page, "page_size": 100})
            yield from found[key]
            seen += len(found[key])
            if not found[key] or seen >= found["total" if "total" in found else "count"]:
                return
            page += 1

    def _json(self, method: str, path: str, **what: Any) -> Any:
        answer = self._ask(method, path, **what)
        try:
            return answer.json()
        except ValueError:
            raise LrlError(f"{self.url}{path} answers with no JSON: is this a Label Studio?") from None

    def _ask(self, method: str, path: str, **what: Any) -> httpx2.Response:
        """Send one request, with a bearer that is fetched anew when it has run out."""
        fresh = self._authorization is None
        if fresh:
            self._authorization = self._bearer()
        answer = self._send(method, path, headers={"Authorization": str(self._authorization)}, **what)
        if answer.status_code == 401 and self._personal and not fresh:
            self._authorization = self._bearer()
            answer = self._send(method, path, headers={"Authorization": self._authorization}, **what)
        if answer.status_code in (401, 403):
            raise LrlError(f"{self.url} refuses the token: {_said(answer)}. {self._hint()}")
        if answer.is_error:
            raise LrlError(f"{self.url}{path} answers {answer.status_code}: {_said(answer)}")
        return answer

    def _bearer(self) -> str:
        answer = self._send("POST", "/api/token/refresh/", json={"refresh": self._token})
        try:
            if answer.status_code == 200:
                return f"Bearer {answer.json()['access']}"
        except (ValueError, KeyError, TypeError):
            raise LrlError(f"{self.url} gives no bearer for a token: is this a Label Studio?") from None
        if answer.status_code in (404, 405):
            raise LrlError(
                f"{self.url} is not where a Label Studio answers ({answer.status_code}): give the address that its "
                "pages begin with, without the path of a page"
            )
        raise LrlError(
            f"{self.url} refuses the token ({answer.status_code}): {_said(answer)}. {self._hint()}"
        )

    def _hint(self) -> str:
        return (
            "Make a personal access token under Account & Settings"
            if self._personal
            else "This is a legacy token, which a server takes only where its administrator allows them "
            "(Organization → API Tokens Settings); a personal access token works everywhere"
        )

    def _send(self, method: str, path: str, **what: Any) -> httpx2.Response:
        from httpx2 import HTTPError, TimeoutException

        try:
            answer = self._client.request(method, path, **what)
        except TimeoutException:
            raise LrlError(
                f"{self.url}{path} gave no answer within {self.timeout:g} s. It may still do what was asked: wait, "
                "then run the command again, which does only what is left"
            ) from None
        except HTTPError as error:
            raise LrlError(
                f"{self.url} is not reachable ({without_credentials(str(error)) or type(error).__name__})"
            ) from None
        if answer.is_redirect:  # not followed: the token would go along
            to = without_credentials(answer.headers.get("location", ""))
            raise LrlError(f"{self.url} sends on to {to}: give that server's address")
        return answer


def _said(answer: httpx2.Response) -> str:
    """Give the server's own words: of its JSON the detail and what is wrong with each field."""
    try:
        told = answer.json()
    except ValueError:
        return " ".join(re.sub(r"<[^>]*>", " ", answer.text).split())[:200] or "nothing"
    if not isinstance(told, dict):
        return json.dumps(told, ensure_ascii=False)[:500]
    fields = told.get("validation_errors") or {
        key: value
        for key, value in told.items()
        if key not in ("id", "status_code", "version", "detail", "exc_info")
    }
    wrong = (
        [f"{key}: {_line(value)}" for key, value in fields.items()]
        if isinstance(fields, dict)
        else [_line(fields)]
    )
    return "; ".join(part for part in (str(told.get("detail") or ""), *wrong) if part)[:500]


def _line(value: object) -> str:
    return "; ".join(map(str, value)) if isinstance(value, list) else str(value)
