"""Runs jobs one after the other in one process, so that Java is warm after the first.

Each line of stdin is a command line, as a JSON list that begins with the script of the job. The
process prints `exit <status>` after each job.
"""

import json
import sys
from pathlib import Path

from imgdedup.flow import JOBS
from imgdedup.runtime import job
from imgdedup.stages import body_of

if __name__ == "__main__":
    for line in sys.stdin:
        sys.argv = json.loads(line)
        (chosen,) = (one for one in JOBS if one.name == Path(sys.argv[0]).stem)
        try:
            job.main(chosen.name, **{stage.name: body_of(stage.name) for stage in chosen.stages})
        except SystemExit as ended:
            print(f"exit {ended.code}", flush=True)
