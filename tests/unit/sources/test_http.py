"""Images by http: only listed hosts are read, and every answer ends in time."""

import gzip
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from imgdedup.errors import ImageFailure
from imgdedup.sources import Reader, http
from imgdedup.sources.allowed import Allowed
from imgdedup.sources.patience import Circuits, Patience
from tests.loopback import Request, Server, serving

LIMIT = 1_000_000  # bytes
SECONDS = 1.0  # for one file


def reader(*allowed: str, attempts: int = 1) -> Reader:
    return Reader(Allowed(allowed), LIMIT, SECONDS, Patience(attempts, 0.01, Circuits(60)))


def failure(reader: Reader, uri: str) -> str:
    with pytest.raises(ImageFailure) as raised:
        reader.read(uri)
    assert raised.value.detail
    return raised.value.code


def endless(request: Request) -> None:
    request.send_response(200)
    request.send_header("Transfer-Encoding", "chunked")
    request.end_headers()
    while True:
        request.wfile.write(b"10000\r\n" + bytes(0x10000) + b"\r\n")


def dripping(request: Request) -> None:
    request.send_response(200)
    request.send_header("Transfer-Encoding", "chunked")
    request.end_headers()
    while True:
        request.wfile.write(b"1\r\nx\r\n")
        time.sleep(0.01)


def dripping_head(request: Request) -> None:
    request.wfile.write(b"HTTP/1.1 200 OK\r\n")
    while True:
        request.wfile.write(b"X: y\r\n")
        time.sleep(0.02)


def silent(request: Request) -> None:
    time.sleep(3 * SECONDS)
    request.close_connection = True


def hung_up(request: Request) -> None:
    request.close_connection = True


def too_short(request: Request) -> None:
    request.reply(200, b"12345", Content_Length="500000")
    request.close_connection = True


def no_http(request: Request) -> None:
    request.wfile.write(b"SSH-2.0-OpenSSH_9.9\r\n" * 9)
    request.close_connection = True


def vast(request: Request) -> None:
    request.reply(200, b"1", Content_Length=str(10**15))
    request.close_connection = True


def compressed(request: Request) -> None:
    request.reply(200, gzip.compress(bytes(100 * LIMIT)), Content_Encoding="gzip")


def status(code: int) -> Callable[[Request], None]:
    return lambda request: request.reply(code, b"no picture")


ANSWERS: dict[str, tuple[Callable[[Request], None], str]] = {
    "endless": (endless, "too_large"),
    "vast": (vast, "too_large"),
    "dripping": (dripping, "unavailable"),
    "dripping head": (dripping_head, "unavailable"),
    "silent": (silent, "unavailable"),
    "hung up": (hung_up, "unavailable"),
    "too short": (too_short, "unavailable"),
    "no http": (no_http, "unavailable"),
    "compressed": (compressed, "unreadable"),
    "no body": (lambda request: request.reply(200), "empty"),
    "204": (status(204), "unreadable"),
    **{str(code): (status(code), "missing") for code in (404, 410)},
    **{str(code): (status(code), "unreadable") for code in (400, 401, 403, 418)},
    **{str(code): (status(code), "unavailable") for code in (408, 425, 429, 500, 502, 503, 504)},
}


@pytest.fixture
def photo() -> Iterator[Server]:
    with serving(
        lambda request: request.reply(200, b"photo of " + request.path.encode())
    ) as server:
        yield server


@pytest.mark.parametrize("name", ANSWERS)
def test_every_answer_ends_in_time_with_its_code(name: str) -> None:
    answer, code = ANSWERS[name]
    with serving(answer) as server:
        began = time.monotonic()
        assert failure(reader(server.address), f"{server.address}/a.jpg") == code
        assert time.monotonic() - began < SECONDS + 1


def test_a_listed_host_is_read(photo: Server) -> None:
    listed = reader(photo.address)
    assert listed.read(f"{photo.address}/a.jpg") == b"photo of /a.jpg"
    assert listed.read(f"{photo.address}/a%20b.jpg?size=1&x=[#top") == (
        b"photo of /a%20b.jpg?size=1&x=["
    )
    assert listed.read(f"{photo.address}/\u00e9 \r\nX: y") == b"photo of /%C3%A9%20%0D%0AX:%20y"
    assert listed.read(photo.address) == b"photo of /"


def test_a_listed_folder_is_read_and_nothing_beside_it(photo: Server) -> None:
    listed = reader(f"{photo.address}/photos/")
    assert listed.read(f"{photo.address}/photos/a..b.jpg?../x") == b"photo of /photos/a..b.jpg?../x"
    for path in (
        "/",
        "/photos2/a",
        "/photos/../b",
        "/photos/%2e%2e/b",
        "/photos/.%2E/b",
        "/photos%2f..",
    ):
        assert failure(listed, photo.address + path) == "forbidden", path
    assert len(photo.asked) == 1


def test_a_host_that_is_not_listed_is_not_asked(photo: Server) -> None:
    port = photo.server_port
    for allowed in (
        ["file", "s3", "gs", "abfs"],
        ["http://localhost"],
        [f"http://127.0.0.2:{port}"],
    ):
        for uri in (
            f"http://127.0.0.1:{port}/a.jpg",
            f"http://localhost:{port}/a.jpg",
            f"http://localhost@127.0.0.1:{port}/a.jpg",
            f"http://127.0.0.1:{port}\\@localhost/a.jpg",
            f"HTTP://127.0.0.1:{port}/a.jpg",
            f"http://127.1:{port}",
            f"https://127.0.0.1:{port}/a.jpg",
            f"hdfs://127.0.0.1:{port}/a.jpg",
            f"s3://x?scheme=http&endpoint_override=127.0.0.1:{port}/a.jpg",
            f"s3://key:secret@127.0.0.1:{port}/a.jpg",
            f"abfs://c@127.0.0.1:{port}/a.jpg",
        ):
            assert failure(reader(*allowed), uri) == "forbidden", uri
    assert photo.asked == []


def test_redirects_are_followed_to_listed_hosts_only(photo: Server) -> None:
    port = photo.server_port
    targets = {
        "/near": ("/again", "photo"),
        "/again": (f"http://127.0.0.1:{port}/found.jpg", "photo"),
        "/metadata": ("http://169.254.169.254/latest/meta-data/", "forbidden"),
        "/other": (f"http://localhost:{port}/found.jpg", "forbidden"),
        "/file": ("file:///etc/passwd", "forbidden"),
        "/round": ("/round", "unreadable"),
    }

    def redirect(request: Request) -> None:
        request.reply(302, Location=targets[request.path][0])

    with serving(redirect) as server:
        targets["/again"] = (f"{photo.address}/found.jpg", "photo")
        listed = reader("file", server.address, photo.address)
        for path, (_, outcome) in targets.items():
            if outcome == "photo":
                assert listed.read(server.address + path) == b"photo of /found.jpg"
            else:
                assert failure(listed, server.address + path) == outcome, path
        assert server.asked.count("/round") == 6
    assert set(photo.asked) == {"/found.jpg"}


def test_nothing_of_the_environment_changes_where_a_request_goes(
    photo: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login me password secret\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    asked: list[str | None] = []

    def answer(request: Request) -> None:
        asked.append(request.headers["Authorization"])
        request.reply(200, b"1")

    with serving(answer) as server:
        assert reader(server.address).read(f"{server.address}/a.jpg") == b"1"
    assert asked == [None]


def test_a_store_that_is_back_at_the_next_try_costs_no_image() -> None:
    answers = iter([503, 429, 200])
    with serving(lambda request: request.reply(next(answers), b"photo")) as server:
        assert reader(server.address, attempts=3).read(f"{server.address}/a.jpg") == b"photo"
        assert len(server.asked) == 3


def test_an_answer_that_will_not_change_is_asked_for_once() -> None:
    with serving(status(404)) as server:
        assert failure(reader(server.address, attempts=3), f"{server.address}/a.jpg") == "missing"
        assert len(server.asked) == 1


def test_a_port_where_nobody_listens_is_unavailable() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{taken.getsockname()[1]}"
        assert failure(reader(address), f"{address}/a.jpg") == "unavailable"


def certificate(folder: Path) -> Path:
    """A file with a key and a self-signed certificate for 127.0.0.1."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "loopback")])
    host = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    now = datetime.now(UTC)
    signed = (
        builder.not_valid_before(now - timedelta(1))
        .not_valid_after(now + timedelta(1))
        .add_extension(host, critical=False)
        .sign(key, hashes.SHA256())
    )
    plain = serialization.NoEncryption()
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    file = folder / "host.pem"
    file.write_bytes(key.private_bytes(encoding, form, plain) + signed.public_bytes(encoding))
    return file


def test_a_host_is_read_by_https_only_with_a_trusted_certificate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(lambda request: request.reply(200, b"photo")) as server:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate(tmp_path))
        server.socket = context.wrap_socket(server.socket, server_side=True)
        address = server.address.replace("http", "https")
        assert failure(reader(address), f"{address}/a.jpg") == "unreadable"
        assert server.asked == []
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "host.pem"))
        monkeypatch.setattr(http, "_pool", cache(http._pool.__wrapped__))
        assert reader(address).read(f"{address}/a.jpg") == b"photo"
