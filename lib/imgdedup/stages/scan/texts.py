"""Manifests in CSV or JSON: they are refused, with the command that converts them."""

import re
import shlex

from imgdedup.errors import UserError

TEXTS = re.compile(r"\.(csv|tsv|jsonl|ndjson|json)(\.(gz|zst))?$", re.IGNORECASE)


def refuse_texts(location: str, names: list[str]) -> None:
    """Raise UserError with the command that converts them when all files are CSV or JSON."""
    found = [TEXTS.search(name) for name in names]
    if not found or found[0] is None or None in found:
        return
    endings = {match[0] for match in found if match}
    if len(endings) > 1:
        raise UserError(
            f"{location} has files of the formats {', '.join(sorted(endings))}, and a manifest is "
            "Parquet: convert them"
        )
    kind = "CSV" if found[0][1].lower() in ("csv", "tsv") else "JSON"
    is_file = TEXTS.search(location) is not None
    base = location.rstrip("/")
    source = literal(base if is_file else f"{base}/**/*{found[0][0]}")
    # Texts stay as they are: a number that begins with a zero is a name, too.
    source = f"read_csv({source}, all_varchar=true)" if kind == "CSV" else source
    target = f"{base.rpartition('/')[0] if is_file else base}/manifest.parquet"
    raise UserError(
        f"the manifest {location} is {kind}, and a manifest is Parquet: convert it with  "
        f"duckdb -c {shlex.quote(f'COPY (FROM {source}) TO {literal(target)}')}"
    )


def literal(text: str) -> str:
    """A text as SQL writes it."""
    return "'" + text.replace("'", "''") + "'"
