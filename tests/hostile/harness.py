"""Running :mod:`worker`, and what came of each job."""
import json
import os
import re
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
LINE = re.compile(r"(\d+) (\[.*?\]) (.*)")


def outcomes(folder, jobs):
    """``(what, outcome)`` of every job; a job that ends its process has the outcome "died ..."."""
    (folder / "jobs.json").write_text(json.dumps(jobs))
    found, env = [], {**os.environ, "PYTHONPATH": str(HERE.parents[1]), "OMP_NUM_THREADS": "1"}
    while len(found) < len(jobs):
        done = subprocess.run([sys.executable, HERE / "worker.py", folder, folder / "jobs.json", str(len(found))],
                              capture_output=True, text=True, env=env, stdin=subprocess.DEVNULL)
        new = [match.groups()[1:] for match in map(LINE.match, done.stdout.splitlines()) if match]
        if done.returncode:
            if not new or new[-1][1]:
                raise AssertionError(f"the worker ended before job {len(found) + len(new)}:\n{done.stderr[-3000:]}")
            new[-1] = (new[-1][0], f"died ({done.returncode}): {done.stderr[-600:]}")
        found += new
    return found


def failures(found):
    return [f"{what} {outcome}" for what, outcome in found if outcome not in ("read", "refused")]
