"""Keeps photographs apart by their folders: some are for training, others for measuring."""

from collections.abc import Collection
from pathlib import Path, PurePosixPath

from imgdedup.errors import UserError


def read_folder_names(spec: str) -> frozenset[str]:
    """Read names of folders: `spec` is a name itself, or a text file with one name a line.

    Raises UserError when the file cannot be read or names no folder.
    """
    file = Path(spec).expanduser()
    if not file.is_file() and not file.suffix:
        return frozenset({spec})
    try:
        names = frozenset(file.read_text(encoding="utf-8").splitlines()) - {""}
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"cannot read names of folders from {file}: {error}") from None
    if not names:
        raise UserError(f"{file} names no folder: write one a line")
    return names


def lies_in(name: str, folders: Collection[str]) -> bool:
    """Tell whether the path of a file has a folder of one of these names, at any depth."""
    return any(part in folders for part in PurePosixPath(name).parent.parts)
