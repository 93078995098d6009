"""What computes embeddings, in which precision, and what is said where OpenVINO does not run."""

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from torchvision.models import resnet50

from imgdedup.encoder import EncoderFactory, choice, cpu, hardware, layout, quantized, weights
from imgdedup.encoder.network import TorchEncoder
from imgdedup.errors import UserError
from tests.stand_ins import picture

FACTORY = EncoderFactory("builtin", input_size=64, batch_size=8, device="cpu", precision="auto")


@pytest.fixture(autouse=True)
def asked_again() -> Iterator[None]:
    """Whether OpenVINO runs is asked again for each test, and after it."""
    choice.runs_openvino.cache_clear()
    yield
    choice.runs_openvino.cache_clear()


def fingerprint(factory: EncoderFactory = FACTORY) -> str:
    return factory.create([], threads=1)[0].fingerprint


def embeddings(factory: EncoderFactory, count: int = 8) -> np.ndarray:
    encoder = factory.create([], threads=1)[0]
    squares = [np.asarray(picture(seed, encoder.side, encoder.side)) for seed in range(count)]
    return encoder.encode(squares)


def cosines(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    lengths = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
    return np.asarray((one * other).sum(axis=1) / lengths)


def unavailable(*_: object, **__: object) -> None:
    raise RuntimeError("no plugin for CPU\nsecond line")


def test_both_libraries_give_the_same_embeddings(monkeypatch: pytest.MonkeyPatch) -> None:
    exact = replace(FACTORY, precision="fp32")
    ours = embeddings(exact)
    monkeypatch.setattr(choice, "runs_openvino", lambda: False)
    np.testing.assert_allclose(ours, embeddings(exact), rtol=1e-3, atol=1e-4)


def test_int8_gives_almost_the_same_embedding() -> None:
    full = replace(FACTORY, precision="fp32", input_size=0)
    exact, fast = embeddings(full), embeddings(replace(full, precision="int8"))
    assert cosines(exact, fast).min() > 0.999
    assert not np.array_equal(exact, fast)


def test_a_worker_on_a_cpu_does_not_import_torch() -> None:
    code = (
        "import sys, numpy\n"
        "from imgdedup.encoder import EncoderFactory\n"
        "(encoder,) = EncoderFactory('builtin', 32, 8, 'cpu', 'auto').create([], 1)\n"
        "encoder.encode([numpy.zeros((32, 32, 3), numpy.uint8)])\n"
        "sys.exit('torch' in sys.modules)\n"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_openvino_reports_to_nobody_that_it_was_imported(tmp_path: Path) -> None:
    # Here `openvino_telemetry` is a module that ends the process.
    (tmp_path / "openvino_telemetry.py").write_text("import os; os._exit(7)")
    code = "import imgdedup.encoder.cpu, sys; sys.exit(sys.modules['openvino_telemetry'] or 0)"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])}
    command = [sys.executable, "-c", code]
    assert subprocess.run(command, env=environment, check=False).returncode == 0
    command[-1] = "import openvino"
    assert subprocess.run(command, env=environment, check=False).returncode == 7


def test_the_widest_instructions_are_in_the_fingerprint(monkeypatch: pytest.MonkeyPatch) -> None:
    known = set()
    for features in ({"avx2", "sse4_2"}, {"avx2", "avx512f"}, {"avx2", "avx512f", "avx512_vnni"}):
        monkeypatch.setattr(cpu, "cpu_features", lambda features=features: features)
        known.add(fingerprint())
    assert len(known) == 3
    assert sum("px-cpu_avx2-openvino_" in name for name in known) == 1
    assert sum("px-cpu_avx512_vnni-openvino_" in name for name in known) == 1


@pytest.mark.parametrize(
    ("features", "widest"),
    [
        ({"avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_int8"}, "amx"),
        ({"avx2", "avx512f", "avx512_vnni", "avx512_bf16"}, "avx512_bf16"),
        ({"avx2", "avx512f"}, "avx512"),
        ({"avx2", "avx_vnni"}, "avx2_vnni"),
        ({"avx2", "fma"}, "avx2"),
        ({"asimd", "fp"}, "some_cpu"),
        (set(), "some_cpu"),
    ],
)
def test_the_widest_instructions_of_a_cpu_are_named(
    features: set[str], widest: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("platform.machine", lambda: "Some_CPU")
    assert hardware.widest_instructions(features) == widest


def test_the_features_of_a_cpu_are_read_where_linux_lists_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for text, found in (
        ("processor\t: 0\nflags\t\t: fpu avx2\nflags\t\t: other\n", {"fpu", "avx2"}),
        ("processor\t: 0\nFeatures\t: fp asimd\n", {"fp", "asimd"}),
        ("no such line\n", set()),
    ):
        (tmp_path / "cpuinfo").write_text(text)
        monkeypatch.setattr(hardware, "_CPUINFO", tmp_path / "cpuinfo")
        assert hardware.cpu_features.__wrapped__() == found
    monkeypatch.setattr(hardware, "_CPUINFO", tmp_path / "none")
    assert hardware.cpu_features.__wrapped__() == set()


@pytest.mark.parametrize(
    ("is_x86", "has_ranges", "bf16", "chosen"),
    [
        (True, True, True, "int8"),
        (False, True, True, "bf16"),
        (True, False, True, "bf16"),
        (True, False, False, "fp32"),
    ],
)
def test_the_best_precision_is_chosen(
    monkeypatch: pytest.MonkeyPatch, is_x86: bool, has_ranges: bool, bf16: bool, chosen: str
) -> None:
    class Core:
        def get_property(self, device: str, name: str) -> list[str]:
            return ["FP32", "INT8", *["BF16"] * bf16]

    monkeypatch.setattr(cpu.ov, "Core", Core)
    monkeypatch.setattr(cpu, "is_x86", lambda: is_x86)
    loaded = weights.load("builtin")
    loaded = weights.with_ranges(loaded, "builtin") if has_ranges else loaded
    assert cpu.choose_precision("auto", loaded) == chosen
    assert cpu.choose_precision("bf16", loaded) == "bf16"
    assert cpu.choose_precision("fp32", loaded) == "fp32"


@pytest.mark.parametrize("exactly", [True, False])
def test_where_sums_saturate_only_builtin_takes_int8_unasked(
    monkeypatch: pytest.MonkeyPatch, exactly: bool
) -> None:
    monkeypatch.setattr(cpu, "is_x86", lambda: True)
    monkeypatch.setattr(cpu, "sums_int8_exactly", lambda: exactly)
    loaded = weights.with_ranges(weights.load("builtin"), "builtin")
    assert cpu.choose_precision("auto", loaded) == "int8"
    other = replace(loaded, name="own.safetensors")
    assert (cpu.choose_precision("auto", other) == "int8") == exactly
    assert cpu.choose_precision("int8", other) == "int8"


def test_int8_without_ranges_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    path.write_bytes(weights.BUILTIN.read_bytes())
    with pytest.raises(UserError, match=r"the weights w\.safetensors have no ranges beside them"):
        replace(FACTORY, weights=str(path), precision="int8").create([], threads=1)
    assert "-int8-" not in fingerprint(replace(FACTORY, weights=str(path)))


@pytest.mark.parametrize("fault", ["module", "plugin"])
def test_without_openvino_torch_computes_and_one_line_says_so(
    fault: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if fault == "module":
        monkeypatch.setitem(sys.modules, "openvino", None)
    else:
        monkeypatch.setattr(cpu.ov, "Core", unavailable)
    encoders = [FACTORY.create([], threads=1)[0] for _ in range(2)]
    assert all(isinstance(encoder, TorchEncoder) for encoder in encoders)
    assert "openvino" not in encoders[0].fingerprint
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("imgdedup: embed: without OpenVINO, which does not run here and would")


def test_a_gpu_is_looked_for_where_there_is_a_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def is_available() -> bool:
        asked.append("torch")
        return False

    monkeypatch.setattr(torch.cuda, "is_available", is_available)
    factory = replace(FACTORY, device="auto", precision="int8")
    for driver, gpus in ((False, []), (True, []), (False, ["0"])):
        monkeypatch.setattr(choice, "may_have_gpu", lambda driver=driver: driver)
        asked.clear()
        assert "-openvino_" in factory.create(gpus, threads=1)[0].fingerprint
        assert bool(asked) == (driver or bool(gpus))


def test_a_state_dict_of_torch_is_computed_by_openvino(tmp_path: Path) -> None:
    state = weights.load("builtin").state or {}
    tensors = {key: torch.from_numpy(state[key]) for key in state}
    torch.save(tensors, tmp_path / "w.pth")
    safetensors.torch.save_file(tensors, tmp_path / "w.safetensors")
    one, other = (
        replace(FACTORY, weights=str(tmp_path / name), precision="fp32")
        for name in ("w.pth", "w.safetensors")
    )
    assert "-openvino_" in fingerprint(one)
    np.testing.assert_array_equal(embeddings(one), embeddings(other))


def test_the_layout_is_that_of_torchvision() -> None:
    with torch.device("meta"):
        state = resnet50().state_dict()
    own = {name: tuple(tensor.shape) for name, tensor in state.items() if "fc." not in name}
    known = {name: shape for name, shape in own.items() if not name.endswith("_tracked")}
    assert layout.shapes() == known
    strides = {
        name: module.stride[0]
        for name, module in resnet50().named_modules()
        if isinstance(module, torch.nn.Conv2d)
    }
    assert {each.name: each.stride for each in layout.convolutions()} == strides


def test_weights_of_another_shape_are_refused(tmp_path: Path) -> None:
    state = weights.load("builtin").state or {}
    changed = state | {"layer3.2.conv2.weight": np.ones((256, 256, 1, 1), np.float32)}
    quantized.save(tmp_path / "w.safetensors", changed, {})
    with pytest.raises(UserError, match=r"conv2\.weight has the shape \(256, 256, 1, 1\) in place"):
        embeddings(replace(FACTORY, weights=str(tmp_path / "w.safetensors")))
