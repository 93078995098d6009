"""Typed configuration: `conf/base.toml`, and over it a preset, an overlay and a run's settings.

The TOML files hold the values, with unit and reason. This module holds their names, types and
bounds. The DAG imports this module, so it imports neither Spark nor torch.
"""

import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from annotated_types import Ge, Gt, Le, MinLen

from imgdedup.errors import UserError

Count = Annotated[int, Gt(0)]
CountOrAuto = Annotated[int, Ge(0)]
Seconds = Annotated[float, Gt(0), Le(86_400)]
Cosine = Annotated[float, Ge(-1), Le(1)]
Share = Annotated[float, Ge(0), Le(1)]

_SOURCE = re.compile(
    r"file|s3|gs|abfs|/.*|(s3|gs|hdfs|https?)://[A-Za-z0-9._:-]+(/.*)?|abfs://[^/?#:\s]+(/.*)?"
)
_KEEPER_KEYS = "frames detail bars alpha colour extent lossless quality pixels bytes link day"
_COLUMN = re.compile(
    r"column:(?:(?P<name>[^=]+)=(?P<value>.*)|(?P<sorted>[^=]+) (?P<way>asc|desc))", re.DOTALL
)


class _Strict:
    """Makes pydantic refuse keys that a section does not have."""

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}


@dataclass(frozen=True)
class LakeConfig(_Strict):
    """How runs share a root, and whether all that is derived is rebuilt."""

    lock_patience: Seconds
    repair: bool


@dataclass(frozen=True)
class ScanConfig(_Strict):
    """How a manifest is found and read, and what the scan of a folder of images lists."""

    format: Literal["auto", "images", "manifest"]
    relative_to: str
    snapshot: str
    skip_hidden: bool
    follow_links_outside: bool

    def __post_init__(self) -> None:
        """Refuse a snapshot that is no known name and no number."""
        if not re.fullmatch(r"day|latest|[0-9]{1,19}", self.snapshot):
            raise ValueError(f"snapshot: {self.snapshot!r} is no snapshot: see conf/base.toml")


@dataclass(frozen=True)
class EmbedConfig(_Strict):
    """How images are read, decoded and embedded."""

    weights: Annotated[str, MinLen(1)]
    input_size: CountOrAuto
    device: Literal["auto", "cpu", "cuda"]
    precision: Literal["auto", "int8", "bf16", "fp32"]
    batch_size: Count
    decode_threads: CountOrAuto
    decode_budget: Count
    max_file_bytes: Count
    allowed_sources: list[str]
    read_attempts: Count
    read_backoff: Seconds
    read_timeout: Seconds
    read_outage: Seconds
    max_pixels: Annotated[int, Gt(0), Le(178_956_970)]
    thumbnail_size: Annotated[int, Ge(16)]
    thumbnail_quality: Annotated[int, Ge(1), Le(95)]
    rows_per_partition: Count
    most_failures: Share
    reuse_contents: CountOrAuto
    task_cpus: CountOrAuto

    def __post_init__(self) -> None:
        """Refuse a source that is no known name, no folder and no uri with a host."""
        for entry in self.allowed_sources:
            if not _SOURCE.fullmatch(entry):
                raise ValueError(f"allowed_sources: {entry!r} is no source: see conf/base.toml")


@dataclass(frozen=True)
class FitConfig(_Strict):
    """How the projection is learned and the threshold of candidates chosen."""

    dims: Count
    local_dims: Count
    sample: Annotated[int, Gt(0), Le(100_000)]
    background: Count
    candidates_per_image: Annotated[float, Gt(0)]
    expected_images: CountOrAuto
    growth: Annotated[float, Ge(1)]
    refit: bool


@dataclass(frozen=True)
class MilvusConfig(_Strict):
    """Where the collection is and how it is built."""

    uri: str
    port: Annotated[int, Ge(0), Le(65535)]
    request_timeout: Seconds
    collection: Annotated[str, MinLen(1)]
    index_type: Literal["FLAT", "HNSW", "IVF_SQ8", "DISKANN", "AUTO"]
    server_memory: Annotated[float, Ge(0)]
    wanted_recall: Share
    insert_batch: Count
    upsert_rows: CountOrAuto
    ca_file: str
    import_storage: str
    import_prefix: str
    import_file_rows: Count
    import_timeout: Seconds


@dataclass(frozen=True)
class SearchConfig(_Strict):
    """How neighbours are asked for, and how the collection is checked."""

    page_size: Annotated[int, Gt(0), Le(1000)]
    query_batch: Count
    crowd: Annotated[int, Gt(0), Le(1000)]
    crowd_neighbours: Count
    certificate_sample: Count
    min_recall: Share


@dataclass(frozen=True)
class VerifyConfig(_Strict):
    """Which edits leave a copy, and when two aligned pictures are copies."""

    preset: str
    mirrored: bool
    turned: bool
    recoloured: bool
    grayscale: bool
    overlaid: bool
    cropped: Share
    animations: bool
    least_inliers: Annotated[int, Ge(4)]
    least_overlap: Share
    correlation: Cosine
    worst_correlation: Cosine
    disagreeing: Share
    frame_correlation: Cosine
    imitated_correlation: Cosine
    imitated_worst: Cosine
    overlay_correlation: Cosine
    overlay_share: Share
    overlay_tones: Share
    graphic_tones: Share
    graphic_slack: Share
    originals: bool
    look_size: Annotated[int, Ge(320), Le(4096)]
    look_size_graphic: Annotated[int, Ge(320), Le(8192)]
    look_frames: Count
    least_spot: Annotated[float, Gt(0)]
    least_graphic_spot: Annotated[float, Gt(0)]
    block_contents: Count


@dataclass(frozen=True)
class ColumnKey:
    """A column of the manifests that ranks images: a key of the order of keepers."""

    name: str
    value: str | None  # images with this value come first; None: the order of the values decides
    descending: bool


def column_key(text: str) -> ColumnKey | None:
    """The column that a key of the order names: column:NAME=VALUE, column:NAME asc or desc."""
    found = _COLUMN.fullmatch(text)
    if found is None:
        return None
    name = found["name"] or found["sorted"]
    return ColumnKey(name, found["value"], found["way"] == "desc")


@dataclass(frozen=True)
class GroupConfig(_Strict):
    """Which image of a group is kept, and what is written besides."""

    keeper_order: Annotated[list[str], MinLen(1)]
    delta_table: str
    leakage_columns: list[Annotated[str, MinLen(1)]]

    def __post_init__(self) -> None:
        """Refuse an order that names a key twice, or what is no key."""
        if len(set(self.keeper_order)) < len(self.keeper_order):
            raise ValueError("keeper_order names a key twice")
        if len(set(self.leakage_columns)) < len(self.leakage_columns):
            raise ValueError("leakage_columns names a column twice")
        for key in self.keeper_order:
            if key not in _KEEPER_KEYS.split() and column_key(key) is None:
                raise ValueError(f"keeper_order: {key!r} is no key: see conf/base.toml")


@dataclass(frozen=True)
class SparkConfig(_Strict):
    """The Spark session of each stage."""

    driver_memory: Annotated[str, MinLen(1)]
    shuffle_partitions: Count
    interpreted_rows: Annotated[int, Ge(0)]
    properties: dict[str, str]
    embed_properties: dict[str, str]


@dataclass(frozen=True)
class Config(_Strict):
    """The whole configuration. A function gets only its own section."""

    lake: LakeConfig
    scan: ScanConfig
    embed: EmbedConfig
    fit: FitConfig
    milvus: MilvusConfig
    search: SearchConfig
    verify: VerifyConfig
    group: GroupConfig
    spark: SparkConfig


def load(conf_dir: Path, overlay: str, settings: Mapping[str, object]) -> Config:
    """Read `base.toml`, lay a preset, `<overlay>.toml` and `settings` over it, and check it all.

    `settings` maps "section.key" to a value. The preset is the file of `presets/` that
    `verify.preset` names. Raises UserError that names the file, the preset or the key.
    """
    values = _read(conf_dir / "base.toml")
    over = _read(conf_dir / f"{overlay}.toml")
    for name, value in settings.items():
        section, _, key = name.partition(".")
        if not key:
            raise UserError(f'the setting "{name}" must be named section.key')
        _lay_over(over, {section: {key: value}})
    _lay_over(values, _preset(conf_dir / "presets", values, over))
    _lay_over(values, over)
    return _validated(values)


def _preset(folder: Path, *layers: Mapping[str, Any]) -> dict[str, Any]:
    """The content of the preset that the last of the layers names."""
    sections = [layer.get("verify") for layer in layers]
    named = [part["preset"] for part in sections if isinstance(part, dict) and "preset" in part]
    if not named or not isinstance(named[-1], str):
        return {}  # the check of the types names the fault
    known = sorted(path.stem for path in folder.glob("*.toml"))
    if named[-1] not in known:
        raise UserError(
            f'there is no preset "{named[-1]}": verify.preset is one of {", ".join(known)}'
        )
    return _read(folder / f"{named[-1]}.toml")


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"there is no configuration file {path}") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UserError(f"cannot read the configuration file {path}: {error}") from None


def _lay_over(values: dict[str, Any], over: Mapping[str, Any]) -> None:
    """Replace leaves of `values` by those of `over`; tables are merged."""
    for key, value in over.items():
        if isinstance(value, Mapping) and isinstance(values.get(key), dict):
            _lay_over(values[key], value)
        else:
            values[key] = value


def _validated(values: dict[str, Any]) -> Config:
    from pydantic import TypeAdapter, ValidationError

    document = json.dumps(values, default=str)
    try:
        return TypeAdapter(Config).validate_json(document, strict=True)
    except ValidationError as error:
        faults = (
            f"{'.'.join(str(part) for part in fault['loc'])}: {fault['msg']}"
            for fault in error.errors()
        )
        raise UserError(f"wrong configuration: {'; '.join(faults)}") from None
