"""The rules of the layout: imports go one way, importing is light, nothing is written for one dataset by name."""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
from pathlib import Path

PACKAGE = Path(__file__).parent.parent / "lrl_datasets"

# Each level imports only from levels below it; modules on one level do not import each other.
LEVELS = (
    ("cli",),
    ("training", "report", "scaffold", "doctor"),
    ("evaluation",),
    ("build",),
    ("builder", "lock"),
    ("release",),
    ("crowd",),
    ("filters", "sources", "platforms"),
    ("languages",),
    ("local_hub",),
    ("pseudonyms", "card_validator", "revisions"),
    ("schema", "endpoints", "private", "intervals", "engine"),
    ("errors",),
)
LEVEL = {name: depth for depth, names in enumerate(reversed(LEVELS)) for name in names}
CONTENT = {"builders", "eval_tasks", "cards", "recipes"}


def imports(path: Path) -> set[str]:
    """The modules of ours (first name below the package) that a file imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            if node.module == "lrl_datasets":
                found |= {alias.name for alias in node.names}
            elif node.module and node.module.startswith("lrl_datasets."):
                found.add(node.module.split(".")[1])
        elif isinstance(node, ast.Import):
            found |= {
                alias.name.split(".")[1] for alias in node.names if alias.name.startswith("lrl_datasets.")
            }
    return {name for name in found if name not in {"__version__"}}


def test_every_module_has_a_level() -> None:
    modules = {
        path.stem if path.is_file() else path.name for path in PACKAGE.iterdir() if path.name[0] not in "_."
    }
    assert modules - {"py"} <= set(LEVEL) | {"py.typed"}


def test_the_wheel_has_every_package() -> None:
    with (PACKAGE.parent / "pyproject.toml").open("rb") as file:
        listed = tomllib.load(file)["tool"]["setuptools"]["packages"]
    there = {".".join(path.parent.relative_to(PACKAGE.parent).parts) for path in PACKAGE.rglob("__init__.py")}
    assert there - set(listed) == set()


def test_imports_go_down() -> None:
    wrong = []
    for path in sorted(PACKAGE.rglob("*.py")):
        module = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        if module == "__init__":
            continue
        for imported in imports(path) - CONTENT - {module}:
            if LEVEL[imported] >= LEVEL[module]:
                wrong.append(f"{path.relative_to(PACKAGE)} imports {imported}")
    assert wrong == []


def test_the_library_names_no_dataset_suite_or_recipe() -> None:
    names = ("swahili_instruct", "swahili-instruct", "sw_suite", "mt5-sw")
    found = [
        f"{path.relative_to(PACKAGE)}: {name}"
        for path in sorted(PACKAGE.rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and "\n" not in node.value
        for name in names
        if name == node.value.strip()
    ]
    assert found == []


def fresh(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout


def test_importing_the_package_is_light_and_offline() -> None:
    heavy = ["torch", "transformers", "datasets", "pandas", "lm_eval", "pyarrow", "huggingface_hub"]
    code = (
        "import socket, sys\n"
        "def refuse(*a, **k): raise AssertionError('network at import')\n"
        "socket.socket.connect = refuse; socket.getaddrinfo = refuse\n"
        "import lrl_datasets\n"
        f"print([name for name in {heavy!r} if name in sys.modules])"
    )
    assert fresh(code).strip() == "[]"


def test_no_module_touches_the_network_or_torch_when_imported() -> None:
    modules = sorted(
        ".".join(("lrl_datasets", *path.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(".__init__")
        for path in PACKAGE.rglob("*.py")
    )
    code = (
        "import importlib, socket, sys\n"
        "def refuse(*a, **k): raise AssertionError('network at import')\n"
        "socket.socket.connect = refuse; socket.getaddrinfo = refuse\n"
        f"for name in {modules!r}: importlib.import_module(name)\n"
        "print([n for n in ('torch', 'transformers', 'datasets', 'pandas', 'lm_eval', 'crowdkit') if n in sys.modules])"
    )
    assert fresh(code).strip() == "[]"
