"""Reads tars: the headers of all members, and then each member by itself."""

import io
import tarfile

from imgdedup.sources.members import MOST_MEMBERS, Changed, Directory, Member, normal_name
from imgdedup.sources.ranges import Headers, Ranges

_HEADER = 1 << 20  # bytes; long names and attributes take a few hundred
_NAME = 4096  # characters; no system has files of longer names
_END = bytes(tarfile.BLOCKSIZE)


def read_on(directory: Directory, file: Ranges, ends: float) -> None:
    """Read the headers after `directory.position`, until `ends` (of time.monotonic) at the latest.

    Of several members of one name the last one counts, as in `tarfile`. Raises TimeoutError and
    OSError. The directory then knows how far it is.
    """
    headers = Headers(file, _HEADER, ends)
    headers.seek(directory.position)
    try:
        with _opened(headers) as tar:
            while (info := tar.next()) is not None:
                if tar.offset <= directory.position or len(directory.members) >= MOST_MEMBERS:
                    return directory.end(f"is damaged, or has more than {MOST_MEMBERS:,} members")
                if len(info.name) <= _NAME:
                    member = _member(info)
                    directory.members[member.name] = member
                directory.position = tar.offset
                tar.members.clear()  # type: ignore[attr-defined] # it would keep them all
        headers.seek(directory.position)
        # Some tars end without the zeros that should end them. Other bytes are no end.
        is_end = headers.read(tarfile.BLOCKSIZE) in (b"", _END) and directory.position <= file.size
    except OSError:
        raise
    except Exception as error:  # `tarfile` raises many kinds for damaged headers
        return directory.end(f"is damaged, or no tar: {error}")
    return directory.end("" if is_end else "is damaged, or ends too early")


def read(file: Ranges, member: Member) -> bytes:
    """The data of a member, or what is there of them. Raises Changed."""
    data = file.read_at(member.start, member.header + member.packed)
    try:
        with _opened(io.BytesIO(data)) as tar:
            info = tar.next()
    except Exception:  # `tarfile` raises many kinds for other bytes
        info = None
    if info is None or _member(info)._replace(start=member.start) != member:
        raise Changed
    return data[member.header :]


def _opened(file: io.RawIOBase | io.BytesIO) -> tarfile.TarFile:
    return tarfile.TarFile(fileobj=file, encoding="utf-8", errors="surrogateescape")


def _member(info: tarfile.TarInfo) -> Member:
    header = info.offset_data - info.offset
    name = normal_name(info.name)
    return Member(name, info.offset, header, info.size, info.size, _refusal(info))


def _refusal(info: tarfile.TarInfo) -> str:
    if info.isdir():
        return "is a folder"
    if info.issym() or info.islnk():
        return "is a link: name the member that it leads to"
    if info.issparse():
        return "is stored with holes: pack it as a whole"
    return "" if info.isreg() and info.size >= 0 else "is no file"
