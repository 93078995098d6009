"""Why an image has no embedding: the codes of the `failure` column."""

FAILURES = {
    "missing": "there is no file or object at the uri",
    "unreadable": "the storage refused, it is no file, or nothing reads the uri's scheme",
    "unavailable": "the store did not answer, or only that it cannot now: a later run may succeed",
    "forbidden": "the uri leads where `embed.allowed_sources`, or its scanned folder, does not",
    "empty": "zero bytes",
    "too_large": "more bytes than embed.max_file_bytes",
    "not_an_image": "no format this system reads",
    "decompression_bomb": "more pixels than embed.max_pixels, or too much work for them",
    "truncated": "the image data ends too early",
    "corrupt": "the image data cannot be decoded",
}
# Those that say nothing about the image: the next run of the day tries it again.
TRANSIENT = frozenset({"unavailable"})


class ImageFailure(Exception):
    """An image that cannot be embedded; becomes the `failure` columns of its row."""

    def __init__(self, code: str, detail: str) -> None:
        if code not in FAILURES:
            raise ValueError(f"{code} is not a failure code")
        super().__init__(code, detail)
        self.code = code
        self.detail = detail
