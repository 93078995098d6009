"""Runs job scripts one after the other in one process, whose Java is then warm for the next.

Reads from stdin a command line each line, as a JSON list with the script first; prints
`exit <status>` after each.
"""

import json
import runpy
import sys

if __name__ == "__main__":
    for line in sys.stdin:
        sys.argv = json.loads(line)
        try:
            runpy.run_path(sys.argv[0], run_name="__main__")
        except SystemExit as ended:
            print(f"exit {ended.code}", flush=True)
