"""Runs job scripts one after the other in one process, which saves starting Java for each.

Reads from stdin a JSON list of command lines, the script first; prints `exit <status>` after each.
"""

import json
import runpy
import sys

if __name__ == "__main__":
    for command in json.load(sys.stdin):
        sys.argv = command
        try:
            runpy.run_path(command[0], run_name="__main__")
        except SystemExit as ended:
            print(f"exit {ended.code}", flush=True)
