"""`lrl crowd push` and `lrl crowd pull`: a stage's tasks to a platform's server, and what came of them back."""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lrl_datasets.cli.console import counted, say
from lrl_datasets.errors import LrlError

if TYPE_CHECKING:
    from lrl_datasets.platforms.label_studio import Server
    from lrl_datasets.sources.campaign_toml import CampaignFile

commands = typer.Typer()

TOKEN = "LABEL_STUDIO_TOKEN"  # noqa: S105 (the variable's name)
Folder = Annotated[Path, typer.Option("--campaign", help="The campaign folder.")]
Url = Annotated[str, typer.Option("--label-studio", metavar="URL", help="The server's address.")]
TokenFile = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help=f"File with your personal access token; default: {TOKEN} in the environment."),
]  # fmt: skip
Timeout = Annotated[float, typer.Option(min=1, help="Seconds to wait for an answer of the server.")]


@commands.command()
def push(
    stage: Annotated[
        str, typer.Argument(help="Its number, its question, or `answer` where only one is of that kind.")
    ],
    url: Url,
    campaign: Folder = Path(),
    token_file: TokenFile = None,
    timeout: Timeout = 120,
) -> None:
    """Bring a stage's waiting tasks to a Label Studio, control tasks mixed in; what is there already stays.

    The project is made where there is none, named by the campaign and the stage. Give annotators the address that is
    printed. The community edition assigns tasks to nobody: a judgement of one's own answer (`own_answer`) or of a pair
    that one has compared in the other order (`repeated_vote`) does not count, and the next push asks somebody else.
    Members of a project can look at everything in it, each other's annotations too, so invite only whom you would show
    it. The golden labels of control tasks stay here; `pull` joins them.
    """  # fmt: skip
    import pyarrow as pa
    import pyarrow.compute as pc

    from lrl_datasets.cli.crowd_stage import filled, folder_of, open_tasks, stage_number, terms_of
    from lrl_datasets.crowd.tasks import label_studio as writer
    from lrl_datasets.platforms import label_studio
    from lrl_datasets.sources import campaign_toml
    from lrl_datasets.sources.pools import pool_files, read

    folder = folder_of(campaign)
    file = campaign_toml.load(folder)
    number = min(file.together(stage_number(file, stage)))
    what = _of_label_studio(folder, file, number)
    page, table, golden, _ = open_tasks(folder, file, number)
    exports = [read(what, path, name) for name, path in pool_files(what, folder, missing_ok=True).items()]

    def fill(names: set[str]) -> list[tuple[dict[str, str], int]]:
        rows = table.filter(pc.is_in(table["task"], value_set=pa.array(sorted(names), pa.string())))
        suites = filled(folder, file, number, rows, golden)
        return [(writer.pushed(page, row), row["overlap"]) for row in suites.to_pylist()]

    with _server(url, token_file, timeout) as server:
        done = label_studio.push(
            server,
            writer.project(page, terms_of(file, number).overlap),
            dict(zip(table["task"].to_pylist(), table["overlap"].to_pylist(), strict=True)),
            fill,
            {str(row.assignment_id) for export in exports for row in export.rows},
            name=writer.NAME,
            hidden=[writer.NAME],
        )
    changed = (
        "made" if done.project.new else "its page was brought up to date" if done.config else "unchanged"
    )
    say(f"stage {number}: project {done.project.id}, {changed}")
    say(
        f"  {counted(done.added - done.controls, 'task')} and {counted(done.controls, 'control task')} added, "
        f"{counted(done.there, 'was', 'were')} there"
    )
    if done.reopened:
        say(f"  {counted(done.reopened, 'of these asks', 'of these ask')} for more annotators now")
    if done.not_pulled:
        say(
            f"  {counted(done.not_pulled, 'annotation waits', 'annotations wait')} on the server: "
            "lrl crowd pull brings what is new"
        )
    say(f"  annotators begin at {done.project.url}")


@commands.command()
def pull(
    url: Url,
    stage: Annotated[
        str | None, typer.Argument(help="The stage, as for push; default: every stage that has a project.")
    ] = None,
    campaign: Folder = Path(),
    token_file: TokenFile = None,
    timeout: Timeout = 120,
    replace: Annotated[
        bool,
        typer.Option("--replace", help="Take annotations also where they were edited since the last pull."),
    ] = False,
) -> None:
    """Bring what annotators gave on a Label Studio into the campaign, just as `import` does with an export."""
    from lrl_datasets.cli.crowd_in import told
    from lrl_datasets.cli.crowd_stage import folder_of, stage_number
    from lrl_datasets.crowd.tasks import label_studio as writer
    from lrl_datasets.sources import campaign_toml
    from lrl_datasets.sources.intake import take_in

    folder = folder_of(campaign)
    file = campaign_toml.load(folder)
    numbers = [stage_number(file, stage)] if stage else list(range(1, len(file.stage) + 1))
    numbers = [n for n in numbers if stage or file.stage[n - 1].format == "label_studio"]
    numbers = sorted({min(file.together(n)) for n in numbers})
    fetched = 0
    with _server(url, token_file, timeout) as server, TemporaryDirectory() as place:
        for number in numbers:
            _of_label_studio(folder, file, number)
            title = writer.title(f"{file.name} {number}")
            found = server.find(title)
            if found is None:
                if stage:
                    raise LrlError(f"{server.url} has no project {title!r}: lrl crowd push {stage} makes it")
                continue
            fetched += 1
            if not found["total_annotations_number"]:
                say(f"stage {number}: nobody has handed anything in yet")
                continue
            export = Path(place) / f"project-{found['id']}.json"
            export.write_bytes(_with_truth(folder, file, number, server.export(found["id"])))
            told(take_in(folder, [export], str(number), replace))
    if not fetched:
        raise LrlError(
            f"{folder / campaign_toml.FILE}: none of its stages has a project on {url}: push one first"
        )


def _with_truth(folder: Path, file: CampaignFile, number: int, exported: bytes) -> bytes:
    """Add the golden labels, of the campaign's file and of what was pulled when that had other control tasks."""
    from lrl_datasets.cli.crowd_stage import golden_of, page_of
    from lrl_datasets.crowd.tasks import label_studio as writer
    from lrl_datasets.sources.pools import pool_files, read

    page, stage = page_of(folder, file, number), file.stage[number - 1]
    known: dict[str, str] = {}
    for name, path in pool_files(stage, folder, missing_ok=True).items():
        for row in read(stage, path, name).rows:
            label = page.joined({ask.output: row.cells.get(f"${ask.golden}", "") for ask in page.asks})
            if label:
                known[row.cells.get(f"${writer.NAME}", "")] = label
    return writer.with_truth(page, exported, known | golden_of(folder, file, number, page))


def _of_label_studio(folder: Path, file: CampaignFile, number: int) -> Any:
    stage = file.stage[number - 1]
    if stage.format != "label_studio":
        raise LrlError(
            f'{folder / "campaign.toml"}: stage {number} has format = "{stage.format}"; push and pull are for '
            '"label_studio". For other platforms: lrl crowd tasks, lrl crowd import'
        )
    return stage


def _server(url: str, token_file: Path | None, timeout: float) -> Server:
    """Open the server with the user's token, which never stands on a command line where others could read it."""
    from lrl_datasets.endpoints import is_loopback
    from lrl_datasets.platforms.label_studio import Server

    token = os.environ.get(TOKEN, "") if token_file is None else token_file.read_text(encoding="utf-8")
    if not token.strip():
        where = f"{TOKEN} is not set" if token_file is None else f"{token_file} is empty"
        raise LrlError(
            f"{where}: make a personal access token in Label Studio (Account & Settings) and put it into the "
            f"environment as {TOKEN}, or into a file for --token-file"
        )
    server = Server(url, token, timeout)
    if url.startswith("http:") and not is_loopback(server.url):
        say(f"{server.url} is not https: the token travels readable for everyone on the way")
    return server
