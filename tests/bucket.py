"""A bucket of S3 on the loopback interface: the objects are the files of a folder."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

from tests.loopback import Request, Server, serving


@contextmanager
def bucket(folder: Path, name: str) -> Iterator[Server]:
    """Serve the files of a folder as the objects of a bucket, within the `with` block."""

    def answer(request: Request) -> None:
        place = urlsplit(request.path)
        key = unquote(place.path).removeprefix(f"/{name}").lstrip("/")
        if not key:
            _list(request, folder, {k: v[0] for k, v in parse_qs(place.query).items()})
        elif request.command == "PUT":
            _write(request, folder / key)
        elif (folder / key).is_file():
            _send(request, folder / key)
        else:
            request.reply(404, b"<Error><Code>NoSuchKey</Code></Error>")

    with serving(answer) as server:
        yield server


def _list(request: Request, folder: Path, asked: dict[str, str]) -> None:
    prefix, delimiter = asked.get("prefix", ""), asked.get("delimiter")
    found, folders = [], set()
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        key = str(file.relative_to(folder))
        rest = key.removeprefix(prefix)
        if not key.startswith(prefix) or key <= asked.get("start-after", ""):
            continue
        if delimiter and delimiter in rest:
            folders.add(prefix + rest.partition(delimiter)[0] + delimiter)
            continue
        found.append(
            f"<Contents><Key>{escape(key)}</Key><Size>{file.stat().st_size}</Size>"
            f"<LastModified>{_moment(file):%Y-%m-%dT%H:%M:%S.000Z}</LastModified></Contents>"
        )
    common = [f"<CommonPrefixes><Prefix>{escape(p)}</Prefix></CommonPrefixes>" for p in folders]
    body = f"<ListBucketResult><IsTruncated>false</IsTruncated>{''.join(found + common)}"
    request.reply(200, f"{body}</ListBucketResult>".encode(), Content_Type="application/xml")


def _send(request: Request, file: Path) -> None:
    data = file.read_bytes()
    headers = {
        "ETag": f'"{len(data)}"',
        "Last_Modified": format_datetime(_moment(file), usegmt=True),
    }
    asked = request.headers.get("Range")
    if asked is None:
        request.reply(200, data, **headers)
        return
    first, _, last = asked.removeprefix("bytes=").partition("-")
    start = int(first) if first else len(data) - int(last)
    end = min(int(last), len(data) - 1) if first and last else len(data) - 1
    headers["Content_Range"] = f"bytes {start}-{end}/{len(data)}"
    request.reply(206, data[start : end + 1], **headers)


def _write(request: Request, file: Path) -> None:
    data = request.body
    if request.headers.get("If-None-Match") == "*" and file.exists():
        request.reply(412, b"<Error><Code>PreconditionFailed</Code></Error>")
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(data)
    request.reply(200, ETag=f'"{len(data)}"')


def _moment(file: Path) -> datetime:
    return datetime.fromtimestamp(int(file.stat().st_mtime), UTC)
