"""The configuration: the files in conf/ load, and a message names whatever is wrong."""

import json
import shutil
import tomllib
from pathlib import Path
from typing import Any

import pytest

from imgdedup import config
from imgdedup.errors import UserError

CONF = Path(__file__).parents[2] / "conf"
BASE = tomllib.loads((CONF / "base.toml").read_text())
PRESETS = sorted(path.stem for path in (CONF / "presets").glob("*.toml"))
OVERLAYS = sorted(path.stem for path in CONF.glob("*.toml") if path.stem != "base")
KEYS = [f"{section}.{key}" for section, keys in BASE.items() for key in keys]


@pytest.fixture
def conf(tmp_path: Path) -> Path:
    """A configuration folder with the real base and presets, and an overlay without a key."""
    shutil.copytree(CONF / "presets", tmp_path / "presets")
    (tmp_path / "base.toml").write_text((CONF / "base.toml").read_text())
    (tmp_path / "local.toml").write_text("")
    return tmp_path


def write(path: Path, values: dict[str, dict[str, Any]]) -> None:
    """JSON's literals are TOML's for everything that a section holds."""
    lines = []
    for section, keys in values.items():
        lines += [f"[{section}]", *(f"{key} = {json.dumps(value)}" for key, value in keys.items())]
    path.write_text("\n".join(lines))


def value_of(loaded: config.Config, name: str) -> object:
    section, key = name.split(".")
    return getattr(getattr(loaded, section), key)


def test_there_is_an_overlay_for_one_machine_and_one_for_a_cluster() -> None:
    assert OVERLAYS == ["cluster", "local"]


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_an_overlay_loads_with_every_key(overlay: str) -> None:
    loaded = config.load(CONF, overlay, {})
    over = tomllib.loads((CONF / f"{overlay}.toml").read_text())
    for name in KEYS:
        section, key = name.split(".")
        expected = BASE[section][key]
        changed = over.get(section, {}).get(key, expected)
        if isinstance(expected, dict):
            changed = expected | changed
        assert value_of(loaded, name) == changed, name


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_an_overlay_holds_only_what_differs(overlay: str) -> None:
    for section, keys in tomllib.loads((CONF / f"{overlay}.toml").read_text()).items():
        for key, value in keys.items():
            assert BASE[section][key] != value, f"{section}.{key}"


@pytest.mark.parametrize("name", KEYS)
def test_a_missing_key_is_named(conf: Path, name: str) -> None:
    section, key = name.split(".")
    kept = {other: value for other, value in BASE[section].items() if other != key}
    write(conf / "base.toml", BASE | {section: kept})
    (conf / "presets" / "photos.toml").write_text("")
    with pytest.raises(UserError, match=rf"{section}\.{key}: Field required"):
        config.load(conf, "local", {})


@pytest.mark.parametrize("name", KEYS)
def test_a_mistyped_key_is_named(conf: Path, name: str) -> None:
    section, key = name.split(".")
    wrong = 5 if isinstance(BASE[section][key], str | dict | list) else "5"
    with pytest.raises(UserError, match=rf"wrong configuration: {section}\.{key}"):
        config.load(conf, "local", {name: wrong})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("scan.skip_hidden", 1),
        ("embed.batch_size", True),
        ("embed.batch_size", 32.0),
        ("embed.batch_size", 0),
        ("embed.batch_size", None),
        ("embed.input_size", -1),
        ("embed.device", "tpu"),
        ("embed.precision", "fp16"),
        ("embed.weights", ""),
        ("embed.thumbnail_size", 15),
        ("embed.thumbnail_quality", 96),
        ("milvus.request_timeout", 0),
        ("milvus.index_type", "flat"),
        ("fit.dims", 0),
        ("fit.growth", 0.5),
        ("fit.candidates_per_image", float("nan")),
        ("fit.refit", 1),
        ("search.crowd", 0),
        ("search.min_recall", 1.01),
        ("verify.correlation", 1.01),
        ("verify.cropped", 1.01),
        ("verify.mirrored", 1),
        ("group.keeper_order", []),
        ("group.leakage_columns", [""]),
        ("spark.properties", {"spark.ui.enabled": False}),
    ],
)
def test_a_value_out_of_range_is_named(conf: Path, name: str, value: object) -> None:
    assert name in KEYS
    with pytest.raises(UserError, match=rf"wrong configuration: {name}"):
        config.load(conf, "local", {name: value})


def test_an_order_that_names_a_key_twice_is_refused(conf: Path) -> None:
    with pytest.raises(UserError, match=r"group: .*keeper_order names a key twice"):
        config.load(conf, "local", {"group.keeper_order": ["day", "pixels", "day"]})
    with pytest.raises(UserError, match=r"group: .*leakage_columns names a column twice"):
        config.load(conf, "local", {"group.leakage_columns": ["split", "source", "split"]})


@pytest.mark.parametrize(
    "key", ["beauty", "column:", "column:rating", "column:rating up", "column:=master", "Pixels"]
)
def test_an_order_that_names_what_is_no_key_is_refused(conf: Path, key: str) -> None:
    with pytest.raises(UserError, match=rf"group: .*keeper_order: '{key}' is no key"):
        config.load(conf, "local", {"group.keeper_order": ["pixels", key]})


@pytest.mark.parametrize(
    ("key", "name", "value", "descending"),
    [
        ("column:source=master", "source", "master", False),
        ("column:the source=", "the source", "", False),
        ("column:source=a=b desc", "source", "a=b desc", False),
        ("column:rating desc", "rating", None, True),
        ("column:last seen asc", "last seen", None, False),
    ],
)
def test_a_column_of_the_manifests_may_be_a_key(
    conf: Path, key: str, name: str, value: str | None, descending: bool
) -> None:
    loaded = config.load(conf, "local", {"group.keeper_order": [key, "day"]})
    found = config.column_key(loaded.group.keeper_order[0])
    assert found == config.ColumnKey(name, value, descending)


def test_a_whole_number_is_a_valid_fraction(conf: Path) -> None:
    loaded = config.load(conf, "local", {"milvus.request_timeout": 7})
    assert loaded.milvus.request_timeout == 7.0


@pytest.mark.parametrize("name", ["embed.batchsize", "embedding.batch_size", "embed.weights.x"])
def test_an_unknown_key_is_named(conf: Path, name: str) -> None:
    unknown = name if name.startswith("embed.") else "embedding"
    with pytest.raises(UserError, match=rf"{unknown}: (Extra|Unexpected)"):
        config.load(conf, "local", {name: 1})


@pytest.mark.parametrize("name", ["embed", "embed.", ""])
def test_a_setting_names_a_key_of_a_section(conf: Path, name: str) -> None:
    with pytest.raises(UserError, match=rf'the setting "{name}" must be named section.key'):
        config.load(conf, "local", {name: 1})


def test_all_faults_are_told_at_once(conf: Path) -> None:
    with pytest.raises(UserError) as raised:
        config.load(conf, "local", {"embed.batch_size": 0, "search.page_size": "many"})
    assert "embed.batch_size" in str(raised.value)
    assert "search.page_size" in str(raised.value)


def test_the_overlay_goes_over_the_base_and_the_settings_over_both(conf: Path) -> None:
    write(conf / "local.toml", {"embed": {"batch_size": 3, "decode_threads": 3}})
    loaded = config.load(conf, "local", {"embed.batch_size": 5})
    assert (loaded.embed.batch_size, loaded.embed.decode_threads) == (5, 3)
    assert loaded.embed.max_pixels == BASE["embed"]["max_pixels"]


def test_spark_properties_of_all_three_are_merged(conf: Path) -> None:
    (conf / "local.toml").write_text('[spark.properties]\n"a.b" = "overlay"\nc = "overlay"')
    loaded = config.load(conf, "local", {"spark.properties": {"c": "settings", "d": "settings"}})
    expected = {"a.b": "overlay", "c": "settings", "d": "settings"}
    assert loaded.spark.properties == BASE["spark"]["properties"] | expected


def preset(name: str) -> dict[str, Any]:
    return tomllib.loads((CONF / "presets" / f"{name}.toml").read_text())


def test_the_preset_photos_is_what_the_base_says() -> None:
    assert PRESETS == ["photos", "strict"]
    assert BASE["verify"]["preset"] == "photos"
    assert BASE["verify"] | preset("photos")["verify"] == BASE["verify"]
    assert preset("photos").keys() == {"verify"}


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_sets_every_switch_of_verify_and_nothing_else(name: str) -> None:
    switches = list(BASE["verify"])[1:8]
    assert switches[0] == "mirrored"
    assert switches[-1] == "animations"
    assert preset(name).keys() == {"verify"}
    assert list(preset(name)["verify"]) == switches


@pytest.mark.parametrize("name", PRESETS)
def test_a_setting_chooses_a_preset(name: str) -> None:
    loaded = config.load(CONF, "local", {"verify.preset": name}).verify
    for key, value in preset(name)["verify"].items():
        assert getattr(loaded, key) == value, key
    assert loaded.correlation == BASE["verify"]["correlation"]


def test_a_preset_goes_over_the_base_and_below_overlay_and_settings(conf: Path) -> None:
    write(conf / "local.toml", {"verify": {"preset": "strict", "turned": True}})
    by_overlay = config.load(conf, "local", {}).verify
    assert (by_overlay.mirrored, by_overlay.turned, by_overlay.cropped) == (False, True, 0.5)
    by_settings = config.load(conf, "local", {"verify.cropped": 0.1, "verify.preset": "strict"})
    assert (by_settings.verify.mirrored, by_settings.verify.cropped) == (False, 0.1)
    back = config.load(conf, "local", {"verify.preset": "photos"}).verify
    assert (back.mirrored, back.turned, back.cropped) == (True, True, 0.0)


@pytest.mark.parametrize("name", ["mild", "", "../base", "Strict"])
def test_an_unknown_preset_is_named_beside_the_known_ones(conf: Path, name: str) -> None:
    message = rf'no preset "{name}": verify.preset is one of photos, strict'
    with pytest.raises(UserError, match=message):
        config.load(conf, "local", {"verify.preset": name})


def test_a_missing_file_is_named(conf: Path) -> None:
    with pytest.raises(UserError, match=r"no configuration file .*mars\.toml"):
        config.load(conf, "mars", {})


@pytest.mark.parametrize("content", [b"[embed", b"\xff\xfe", b"[embed]\na = 1\na = 2"])
def test_a_file_that_is_no_toml_is_named(conf: Path, content: bytes) -> None:
    (conf / "local.toml").write_bytes(content)
    with pytest.raises(UserError, match=r"cannot read the configuration file .*local\.toml"):
        config.load(conf, "local", {})
