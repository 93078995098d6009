"""Runs jobs one after the other in one process, whose Java is then warm for the next.

Reads from stdin a command line each line, as a JSON list with the script of the stage first; prints
`exit <status>` after each.
"""

import json
import sys
from pathlib import Path

from imgdedup.runtime import job
from imgdedup.stages import body_of

if __name__ == "__main__":
    for line in sys.stdin:
        sys.argv = json.loads(line)
        stage = Path(sys.argv[0]).stem
        try:
            job.main(stage, body_of(stage))
        except SystemExit as ended:
            print(f"exit {ended.code}", flush=True)
