"""Trains in processes of its own: images, run, and the further arguments as JSON.

With ``then`` among them the first process starts another training there when its own is over.
"""

import json
import os
import subprocess
import sys
import warnings
from pathlib import Path

from tiny_runs import AS_BY_DEFAULT, tiny_config, train_tiny
from warpmarks.errors import InputError, LostProcess
from warpmarks.system.processes import LOST, is_first_process
from warpmarks.training import Evaluation

WAITS_AT = 5
"""At this step it goes on when something has been written to it."""


def tell(evaluation: Evaluation) -> None:
    sys.stdout.write(f"step {evaluation.step}\n")
    sys.stdout.flush()
    if evaluation.step == WAITS_AT:
        sys.stdin.readline()


def train(images: str, run: str, arguments: str) -> int:
    """As the command line does, but without its report."""
    chosen = json.loads(arguments)
    then = chosen.pop("then", None)
    again = [sys.executable, __file__, images, str(then), json.dumps(chosen)]
    if not chosen.get("resume"):
        chosen["config"] = tiny_config(**(AS_BY_DEFAULT | chosen.pop("settings", {})))
    try:
        train_tiny(Path(images), Path(run), on_evaluation=tell, **chosen)
    except LostProcess as error:
        if error.tells:
            sys.stderr.write(f"error: {error}\n")
        sys.stderr.flush()
        os._exit(LOST)  # torch's own end may complain of the process that is lost
    except InputError as error:
        sys.stderr.write(f"error of {os.getpid()}: {error}\n")
        return 2
    except KeyboardInterrupt:
        return 130
    return subprocess.call(again) if then and is_first_process() else 0


if __name__ == "__main__":
    warnings.filterwarnings("ignore")
    sys.exit(train(*sys.argv[1:]))
