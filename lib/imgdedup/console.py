"""Lines meant for the person who watches a run.

Spark and Airflow write thousands of log lines; the runner shows only those that carry the mark.
"""

MARK = "imgdedup: "


def say(text: str) -> None:
    """Print one progress line; line breaks inside `text` become spaces."""
    print(MARK + " ".join(text.split()), flush=True)
