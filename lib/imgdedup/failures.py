"""Why an image has no embedding: the codes of the `failure` column."""

FAILURES = {
    "missing": "there is no file or object at the uri, or its archive has no such member",
    "unreadable": "the storage refused, it is no regular file, nothing reads the uri's scheme, or "
    "its archive is damaged",
    "unavailable": "the store did not answer, or cannot answer now: a later run may succeed",
    "forbidden": "the uri leads out of `embed.allowed_sources`, or out of its scanned folder",
    "empty": "zero bytes",
    "too_large": "more bytes than embed.max_file_bytes",
    "not_an_image": "no format this system reads",
    "decompression_bomb": "more pixels than embed.max_pixels, or too much work for them",
    "truncated": "the image data ends too early",
    "corrupt": "the image data cannot be decoded",
}
# Codes that say nothing about the image, so a run asks the store again.
TRANSIENT = frozenset({"unavailable"})


class ImageFailure(Exception):
    """An image cannot be embedded. Code and detail become the `failure` columns of its row.

    Bytes of a file's name that are not UTF-8 become backslash escapes: no column could hold them.
    """

    def __init__(self, code: str, detail: str) -> None:
        if code not in FAILURES:
            raise ValueError(f"{code} is not a failure code")
        super().__init__(code, detail)
        self.code = code
        self.detail = detail.encode("utf-8", "backslashreplace").decode()
