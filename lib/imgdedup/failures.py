"""Why an image has no embedding: the codes of the `failure` column."""

FAILURES = {
    "missing": "there is no file or object at the uri",
    "unreadable": "the storage refused, or has no reader for the uri's scheme",
    "empty": "zero bytes",
    "too_large": "more bytes than embed.max_file_bytes",
    "not_an_image": "no format this system reads",
    "decompression_bomb": "more pixels than embed.max_pixels",
    "truncated": "the image data ends too early",
    "corrupt": "the image data cannot be decoded",
}


class ImageFailure(Exception):
    """An image that cannot be embedded; becomes the `failure` columns of its row."""

    def __init__(self, code: str, detail: str) -> None:
        if code not in FAILURES:
            raise ValueError(f"{code} is not a failure code")
        super().__init__(code, detail)
        self.code = code
        self.detail = detail
