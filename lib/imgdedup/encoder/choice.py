"""Chooses what computes the embeddings: torch on a GPU, else OpenVINO, else torch on the CPU."""

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING

from imgdedup.console import say
from imgdedup.encoder import weights
from imgdedup.encoder.hardware import may_have_gpu
from imgdedup.encoder.settings import EncoderSettings

if TYPE_CHECKING:
    from imgdedup.encoder.cpu import OpenVinoEncoder
    from imgdedup.encoder.network import TorchEncoder


def create_encoders(
    settings: EncoderSettings, gpus: Sequence[str], threads: int
) -> "Sequence[TorchEncoder | OpenVinoEncoder]":
    """Make the encoders that `EncoderFactory.create` promises.

    torch is imported only for a GPU, for a TorchScript module, for weights that only torch reads,
    and where OpenVINO does not run.
    """
    loaded, threads = weights.load(settings.weights), max(1, threads)
    wants_gpu = settings.device == "cuda" or (
        settings.device == "auto" and (bool(gpus) or may_have_gpu())
    )
    if wants_gpu or loaded.script is not None or not runs_openvino():
        from imgdedup.encoder import network

        devices = network.find_devices(settings.device, gpus)
        on_torch = devices[0].type != "cpu" or loaded.script is not None or not runs_openvino()
        if on_torch:
            return [network.TorchEncoder(loaded, settings, each, threads) for each in devices]
    from imgdedup.encoder.cpu import OpenVinoEncoder

    if settings.precision in ("auto", "int8"):
        loaded = weights.with_ranges(loaded, settings.weights)
    return [OpenVinoEncoder(loaded, settings, threads)]


@cache
def runs_openvino() -> bool:
    """Whether OpenVINO runs here. If not, a line says once that the CPU is slower without it."""
    try:
        import openvino

        openvino.Core().get_property("CPU", "FULL_DEVICE_NAME")
    except (ImportError, OSError, RuntimeError) as error:
        reason = str(error).strip().partition("\n")[0]
        say(f"embed: without OpenVINO, which does not run here and would be faster ({reason})")
        return False
    return True
