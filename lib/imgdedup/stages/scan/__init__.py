"""scan: finds the images of a day, and writes them as the manifest.

The stage lists a folder or an object-store prefix. It checks a Parquet manifest of the user, and
takes its rows and columns as they are.
"""

from imgdedup.stages.scan.stage import run

__all__ = ["run"]
