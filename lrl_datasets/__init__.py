"""Instruction datasets and benchmarks for low-resource languages.

Importing the package loads nothing heavy and touches no network; the work is in the submodules, which
`lrl --help` lists by task.
"""

__version__ = "0.1.0"
