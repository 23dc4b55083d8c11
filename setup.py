"""Puts `eval_tasks` into the wheel a second time, as `lm_eval/tasks/lrl`; all else stands in pyproject.toml.

lm-eval has no entry points: the bare `lm_eval --tasks …` finds only what lies in its own `tasks` folder. A
package mapping cannot do this: an editable install would then make `lm_eval` importable where it is not
installed. So the copy is made for wheels alone, and a checkout uses `lrl eval` or
`lm_eval --include_path "$(lrl tasks-dir)"`.
"""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py


class BuildWithTasks(build_py):
    """Copies the task files after everything else was copied."""

    def run(self) -> None:
        """Build as usual, then copy, unless the install is editable."""
        super().run()
        if not self.editable_mode:
            target = Path(self.build_lib) / "lm_eval" / "tasks" / "lrl"
            shutil.rmtree(target, ignore_errors=True)  # a file that is gone would stay from the last build
            shutil.copytree("eval_tasks", target, ignore=shutil.ignore_patterns("__pycache__", "*.pyc"))


setup(cmdclass={"build_py": BuildWithTasks})
