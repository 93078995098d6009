"""Lines meant for the person who watches a run.

Spark and Airflow write thousands of log lines; the runner shows only those that carry the mark.
"""

import unicodedata

MARK = "imgdedup: "
_HIDDEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}  # Unicode's categories of signs that show nothing


def say(text: str) -> None:
    """Print one progress line; line breaks inside `text` become spaces, hidden signs escapes."""
    print(MARK + visible(" ".join(text.split())), flush=True)


def visible(text: object) -> str:
    r"""A text with the signs that hide, break or reverse text as escapes: `\u202e`."""
    return "".join(
        f"\\u{ord(sign):04x}" if unicodedata.category(sign) in _HIDDEN else sign
        for sign in str(text)
    )
