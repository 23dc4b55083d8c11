"""Builds a release on a Slurm cluster: workers are Slurm jobs, and leave when the build is done.

    pip install 'lrl-datasets[cluster]' dask-jobqueue
    python cluster/slurm.py --jobs 20 --partition cpu -- swahili-instruct --out /shared/me/build

Run it where jobs may be submitted from, in tmux or as a job of its own: it holds the scheduler and `lrl build`. What
stands after `--` is `lrl build`'s; engine, scheduler and memory are set here. The package must be the same on every
node (one environment on shared storage), and so must `--out`, or `--work FOLDER`: the data goes through files there.
A job that is killed, preempted or out of time only gives its blocks to another; when the whole cluster goes, the same
command goes on where it stopped. For PBS, SGE, LSF and HTCondor put dask-jobqueue's other class in the place of
`SLURMCluster`; on Kubernetes start a scheduler with dask-kubernetes and give `lrl build --scheduler` its address.

NOT RUN by the tests, which have no Slurm: they run `lrl build --scheduler` against Dask clusters of one machine.
"""

from __future__ import annotations

import argparse
import subprocess
import sys


def main() -> int:
    """Submit the jobs, build, and take the jobs back."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--jobs", type=int, default=10, help="workers, one a job of one core")
    parser.add_argument("--memory", default="4GB", help="of each job; the blocks are cut by it")
    parser.add_argument("--partition", help="as sbatch's")
    parser.add_argument("--account", help="as sbatch's")
    parser.add_argument("--walltime", default="04:00:00", help="of each job; a build may take longer")
    parser.add_argument("--interface", help="network between the nodes, such as ib0")
    parser.add_argument("build", nargs="+", help="after --: what `lrl build` takes")
    given = parser.parse_args()

    from dask_jobqueue import SLURMCluster

    with SLURMCluster(
        queue=given.partition,
        account=given.account,
        walltime=given.walltime,
        interface=given.interface,
        cores=1,
        processes=1,
        memory=given.memory,
    ) as cluster:
        # Jobs that end before the build does are submitted anew.
        cluster.adapt(minimum_jobs=given.jobs, maximum_jobs=given.jobs)
        command = ["build", *given.build, "--engine", "dask", "--scheduler", cluster.scheduler_address]
        return subprocess.run(
            [
                sys.executable,
                "-c",
                "from lrl_datasets.cli import main; main()",
                *command,
                "--memory",
                given.memory,
            ],
            check=False,
        ).returncode


if __name__ == "__main__":
    sys.exit(main())
