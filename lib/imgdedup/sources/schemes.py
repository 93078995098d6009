"""Tells uris that nothing here reads from local paths, and says what to write instead."""

import re

from imgdedup.errors import ImageFailure

# How a scheme begins a uri: a regular expression of Python and of Java. RFC 3986 allows a dot in a
# scheme, too. But `photo.jpg:1` is a file's name.
SCHEME = r"([A-Za-z][A-Za-z0-9+-]*):"
_SCHEME = re.compile(SCHEME)
_SHOWN = 40  # characters of a data: uri before its data
_AZURE = "write abfs://container@account.dfs.core.windows.net/path"
_COPY = "copy the files to a disk or to a bucket"
_INSTEAD = {
    "dbfs": "write the path of the file on the machine, which begins with /dbfs/",
    "data": "put the bytes themselves into the column `content` of the manifest",
    "gcs": "write gs://bucket/path",
    "wasb": _AZURE,
    "wasbs": _AZURE,
    "adl": _AZURE,
    "az": _AZURE,
    "azure": _AZURE,
    "ftp": _COPY,
    "ftps": _COPY,
    "sftp": _COPY,
    "smb": "mount the share, and write the path of the file below the mount",
    "nfs": "mount the share, and write the path of the file below the mount",
}


def scheme_of(uri: str) -> str:
    """The scheme of a uri in lower case; "" where a path begins."""
    found = _SCHEME.match(uri)
    return found[1].lower() if found else ""


def is_foreign(uri: str) -> bool:
    """Tell whether the uri looks like no local path: it has a scheme, or begins as on Windows."""
    return "://" in uri or bool(scheme_of(uri)) or uri.startswith("\\\\")


def unread(uri: str) -> ImageFailure:
    """The failure of a uri that nothing reads."""
    scheme = scheme_of(uri)
    if scheme == "data":
        uri = f"{uri.partition(',')[0][:_SHOWN]},..."
    if uri.startswith("\\\\"):
        reason = "this names a share of Windows: mount it, and write the path below the mount"
    elif len(scheme) == 1:
        reason = "this is a path of Windows: write the path of the file where imgdedup runs"
    elif scheme:
        reason = f"nothing reads the scheme {scheme}"
        if scheme in _INSTEAD:
            reason += f": {_INSTEAD[scheme]}"
    else:
        reason = "nothing reads this scheme"
    return ImageFailure("unreadable", f"{uri}: {reason}")
