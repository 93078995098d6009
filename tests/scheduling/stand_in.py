"""Stands in for spark-submit: notes when it ran with which arguments, and ends as ordered.

Its folder, in the environment as STAND_IN, holds `calls`, a line of JSON for each start and end,
and `orders`: a file `<job>-<dt>` there has a word for each call that is still to come: `hang`, or
the exit status.
"""

import json
import os
import re
import sys
import time
from pathlib import Path

SECONDS = {"embed": 0.6}  # of work: enough to be seen beside others
DEFAULT = 0.1


def main() -> int:
    """Do as ordered for the job and day of the command line; without an order succeed."""
    options = (each.split("=", 1) for each in sys.argv[1:] if re.match("--[a-z-]+=", each))
    arguments = {name.removeprefix("--"): value for name, value in options}
    job = next(Path(each).stem for each in sys.argv[1:] if each.endswith(".py"))
    call = {"job": job, "pid": os.getpid(), **arguments}
    folder = Path(os.environ["STAND_IN"])
    note(folder, {**call, "what": "start"})
    order = next_order(folder / "orders" / f"{job}-{call['dt']}")
    time.sleep(3600 if order == "hang" else SECONDS.get(job, DEFAULT))
    if order != "0":
        print(f"imgdedup: error: {job}: ordered to end with {order}", flush=True)
    note(folder, {**call, "what": "end"})
    return int(order)


def next_order(file: Path) -> str:
    """Take the first word out of the file; "0" when there is none."""
    words = file.read_text().split() if file.exists() else []
    if not words:
        return "0"
    file.write_text(" ".join(words[1:]))
    return words[0]


def note(folder: Path, call: dict[str, object]) -> None:
    """Append one line. Lines of several writers do not mix."""
    line = json.dumps({**call, "at": time.monotonic()}) + "\n"
    file = os.open(folder / "calls", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(file, line.encode())
    os.close(file)


if __name__ == "__main__":
    sys.exit(main())
