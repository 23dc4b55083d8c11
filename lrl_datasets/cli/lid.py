"""`lrl lid …`: a table that tells a language from its neighbours."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from lrl_datasets.cli.console import Endpoint, err, out, say, use, writing

if TYPE_CHECKING:
    from lrl_datasets.filters.discriminator import Discriminator

commands = typer.Typer(
    no_args_is_help=True, help="Tell a language from its neighbours: fit a table from text in them."
)

SHOWN = 15
"""Languages in a table that are printed."""


@commands.command()
def fit(
    language: Annotated[str, typer.Option(help="Code of a language that has a language file: swh_Latn.")],
    text: Annotated[
        list[str],
        typer.Option(
            metavar="FOLDER|REPO@COMMIT",
            help="Labelled sentences: a folder (CODE/*.tsv, CODE/*.txt, CODE.txt, *.CODE.txt), or a dataset on the Hub "
            "with a config a language; may be repeated, one for each domain.",
        ),
    ],
    output: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Default: CODE.lid.npz in this folder.")
    ] = None,
    column: Annotated[
        str | None,
        typer.Option(help="Column of a Hub dataset with the sentences; default text, sentence or question."),
    ] = None,
    endpoint: Endpoint = None,
) -> None:
    """Fit a table from sentences in the language and its neighbours, and say how well it does on held-out ones.

    `lrl build --lid-table FILE` uses it. Give the language in more than one domain (news, questions, encyclopaedia):
    the thresholds keep 99.5 % of it. The table holds no text, only weights and what they were fitted on.
    """
    use(endpoint)
    from lrl_datasets import languages
    from lrl_datasets.filters import discriminator, discriminator_fit, labelled_text

    known = languages.load(language)
    with err.status("reading") as status:
        given = [
            labelled_text.read_folder(Path(one))
            if Path(one).is_dir()
            else labelled_text.read_hub(one, column)
            for one in text
        ]
        table = discriminator_fit.fit(known, given, progress=status.update)
    path = output or Path(f"{known.code}.lid.npz")
    with writing(path):
        table.save(path)
    _show(table)
    say(f"wrote {path}: {path.stat().st_size / 1000:.0f} kB, SHA-256 {discriminator.load(path).sha256}")
    say(f"use it:  lrl build BUILDER --lid-table {path}")


@commands.command()
def show(file: Annotated[Path, typer.Argument(help="A table of `lrl lid fit`.")]) -> None:
    """Print what a table was fitted on and how well it does."""
    from lrl_datasets.filters import discriminator

    table = discriminator.load(file)
    _show(table)
    say(f"{file}: {table.facts.package}, SHA-256 {table.sha256}")


def _show(table: Discriminator) -> None:
    facts, report = table.facts, table.facts.report
    kept = Table(title=f"{facts.language}: what is kept of its held-out sentences of 8 words and more")
    for name in ("text", "sentences", "kept"):
        kept.add_column(name, justify="left" if name == "text" else "right")
    for name, share in report["recall"].items():
        kept.add_row(name, str(share["sentences"]), _percent(share))
    out.print(kept)
    through = Table(title="what passes of other languages' held-out sentences", caption="the worst first")
    for name in ("language", "sentences", "by the rule", "with the table", "had it not seen the language"):
        through.add_column(name, justify="left" if name == "language" else "right")
    left_out = report.get("left_out", {})
    both = {code: share for code, share in report["let_through"].items()}
    order = sorted(
        both,
        key=lambda code: (
            -(both[code]["share"] or 0), -(left_out.get(code, {}).get("share") or 0),
            -(report["rule"].get(code, {}).get("share") or 0), code,
        ),
    )  # fmt: skip
    for code in order[:SHOWN]:
        by_rule = _percent(report["rule"].get(code, {"share": 0.0}))
        unseen = _percent(left_out[code]) if code in left_out else "–"
        through.add_row(code, str(both[code]["sentences"]), by_rule, _percent(both[code]), unseen)
    out.print(through)
    if left_out:
        worst = max(left_out, key=lambda code: left_out[code]["share"] or 0)
        say(f"the worst language, had it not been seen: {worst}, {_percent(left_out[worst])} let through")
    if facts.missing:
        err.print(
            f"no text of {', '.join(facts.missing)}, neighbours by the language file: of a language that the table has "
            "not seen expect what the last column says",
            style="yellow",
        )


def _percent(share: dict[str, float | None]) -> str:
    return "–" if share["share"] is None else f"{100 * share['share']:.1f} %"
