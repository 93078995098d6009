"""Reads zips: their central directory, and then each member by itself."""

import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator

from imgdedup.errors import ImageFailure
from imgdedup.sources.members import MOST_MEMBERS, Changed, Directory, Member, normal_name
from imgdedup.sources.ranges import Headers, Ranges

_CENTRAL = 64 << 20  # bytes; of a million members with names of ordinary length
_LOCAL = struct.Struct("<4s22x2H")  # the header before the data: its sign, and two lengths
_SIGN = b"PK\3\4"
_SLACK = 64  # bytes that this header has beyond what the directory says
_IS_ENCRYPTED, _IS_UTF8 = 0x1, 0x800  # flags
_ENCODINGS = ("utf-8", "cp437")
_METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
_UNIX = 3  # the system whose modes of files the directory has


def read_on(directory: Directory, file: Ranges, ends: float) -> None:
    """Read the central directory, until `ends` (of time.monotonic) at the latest.

    Of several members of one name the last one counts, as in `zipfile`. Raises TimeoutError and
    OSError.
    """
    headers = Headers(file, _CENTRAL, ends)
    try:
        with zipfile.ZipFile(headers) as found:
            infos = found.infolist()
        headers.check()
    except OSError:
        raise
    except Exception as error:  # `zipfile` raises many kinds for damaged directories
        headers.check()
        return directory.end(f"is damaged, or no zip: {error}")
    if len(infos) > MOST_MEMBERS:
        return directory.end(f"has more than {MOST_MEMBERS:,} members")
    for info in infos:
        member = _member(info)
        directory.members[member.name] = member
    for info in infos:
        for name in _other_names(info):
            directory.members.setdefault(name, directory.members[normal_name(info.filename)])
    return directory.end()


def read(file: Ranges, member: Member) -> bytes:
    """The data of a member, unpacked.

    Raises Changed, and ImageFailure unreadable when the data are damaged. No more is unpacked than
    the directory says.
    """
    data = file.read_at(member.start, member.header + _SLACK + member.packed)
    header = _header(data, member)
    packed = data[header : header + member.packed]
    if len(packed) < member.packed:
        packed = file.read_at(member.start + header, member.packed)
    try:
        if member.is_deflated:
            packed = zlib.decompressobj(-zlib.MAX_WBITS).decompress(packed, member.size + 1)
        is_sound = len(packed) == member.size and zlib.crc32(packed) == member.crc
    except zlib.error:
        is_sound = False
    if not is_sound:
        raise ImageFailure("unreadable", f"the data of {member.name} are damaged in the zip")
    return packed


def _header(data: bytes, member: Member) -> int:
    """The bytes of the header before the data. Raises Changed when it is of no such member."""
    if len(data) < _LOCAL.size:
        raise Changed
    sign, name_length, extra_length = _LOCAL.unpack_from(data)
    name = data[_LOCAL.size : _LOCAL.size + name_length].partition(b"\0")[0]
    names = {normal_name(name.decode(encoding, "replace")) for encoding in _ENCODINGS}
    if sign != _SIGN or member.name not in names:
        raise Changed
    return _LOCAL.size + name_length + extra_length


def _member(info: zipfile.ZipInfo) -> Member:
    return Member(
        normal_name(info.filename),
        info.header_offset,
        _LOCAL.size + len(info.orig_filename.encode()) + len(info.extra),
        info.compress_size,
        info.file_size,
        _refusal(info),
        info.compress_type == zipfile.ZIP_DEFLATED,
        info.CRC,
    )


def _refusal(info: zipfile.ZipInfo) -> str:
    kind = stat.S_IFMT(info.external_attr >> 16) if info.create_system == _UNIX else 0
    if info.filename.endswith("/") or kind == stat.S_IFDIR:
        return "is a folder"
    if kind == stat.S_IFLNK:
        return "is a link: name the member that it leads to"
    if kind not in (0, stat.S_IFREG):
        return "is no file"
    if info.flag_bits & _IS_ENCRYPTED:
        return "is encrypted"
    if info.compress_type not in _METHODS:
        return f"is packed by method {info.compress_type}: pack it by deflate, or not at all"
    return ""


def _other_names(info: zipfile.ZipInfo) -> Iterator[str]:
    """The name as UTF-8, where the zip does not say what it is, and `zipfile` takes code page 437.

    Many programs write UTF-8 and do not say so.
    """
    if not info.flag_bits & _IS_UTF8:
        yield normal_name(info.filename.encode("cp437").decode("utf-8", "surrogateescape"))
