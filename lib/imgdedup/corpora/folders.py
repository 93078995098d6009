"""Photographs kept apart by the folders they lie in: some to learn from, others to measure by."""

from collections.abc import Collection
from pathlib import Path, PurePosixPath

from imgdedup.errors import UserError


def named(spec: str) -> frozenset[str]:
    """The folder of that name, or those that the text file `spec` names, one a line.

    Raises UserError when the file cannot be read or names none.
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
    """Whether a file, by its path, lies in a folder of one of these names, however deep."""
    return any(part in folders for part in PurePosixPath(name).parent.parts)
