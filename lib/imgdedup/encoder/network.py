"""ResNet-50 or a TorchScript module in torch: batches of squares in, pooled features out."""

import copy
import re
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from torch import nn

from imgdedup.encoder import layout
from imgdedup.encoder.parameters import Weights
from imgdedup.encoder.passes import CPU_PASS, in_passes, name_model, padded
from imgdedup.encoder.settings import EncoderSettings
from imgdedup.errors import UserError


def find_devices(wanted: str, gpus: Sequence[str]) -> list[torch.device]:
    """The devices to use: the GPUs with these numbers, else the first GPU, else the CPU.

    Raises UserError when `wanted` is "cuda" and torch sees no GPU.
    """
    available = torch.cuda.is_available()
    if wanted == "cuda" and not available:
        raise UserError(
            "embed.device is cuda, but torch sees no GPU here: set it to auto or cpu, or check "
            "the driver and spark.task.resource.gpu.amount"
        )
    if wanted == "cpu" or not available:
        return [torch.device("cpu")]
    return [torch.device("cuda", int(number)) for number in gpus or ["0"]]


class TorchEncoder:
    """A ResNet-50, or a TorchScript module, on one device; an `imgdedup.encoder.Encoder`.

    The embedding of an image depends on its pixels alone. Every forward pass has the same shape,
    and is padded when it has fewer images. On a CPU one thread computes a pass, and `threads`
    passes run side by side. The network is made with the first batch, because a worker that meets
    only known contents needs the fingerprint alone.
    """

    def __init__(
        self,
        loaded: Weights,
        settings: EncoderSettings,
        device: torch.device,
        threads: int,
    ) -> None:
        on_cpu = device.type == "cpu"
        self.side = settings.input_size or loaded.input_size
        self.batch_size = max(settings.batch_size, CPU_PASS * threads if on_cpu else 0)
        self._pass = CPU_PASS if on_cpu else self.batch_size
        self._device = device
        self._dtype = _dtype(settings.precision, device)
        if loaded.script is not None and on_cpu:
            self._dtype = torch.float32  # a foreign module's operators may have no CPU bf16
        self._loaded: Weights | None = loaded
        self._module: nn.Module | None = None
        self._making = threading.Lock()
        self._threads = ThreadPoolExecutor(
            threads if on_cpu else 1, initializer=torch.set_num_threads, initargs=(1,)
        )
        scale = torch.tensor([loaded.mean, loaded.std]) * 255
        self._mean, self._std = scale.view(2, 1, 3, 1, 1)
        self.fingerprint = self._fingerprint(loaded)

    def encode(self, squares: Sequence[np.ndarray]) -> np.ndarray:
        """Embed up to `batch_size` squares (uint8, (side, side, 3)): float32, (n, dims).

        Raises UserError when the weights do not fit the network.
        """
        with self._making:
            if self._module is None:
                self._module = self._made()
        passes = in_passes(squares, self._pass)
        return np.concatenate(list(self._threads.map(self._computed, passes)))

    @torch.no_grad()
    def _made(self) -> nn.Module:
        torch.backends.cudnn.deterministic = True
        loaded = self._loaded
        assert loaded is not None
        # `to` moves a script in place, and each device needs its own copy.
        module = copy.deepcopy(loaded.script) if loaded.script else resnet50_with(loaded)
        self._mean, self._std = self._mean.to(self._device), self._std.to(self._device)
        module.to(self._device, self._dtype, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._loaded = None  # do not keep the loaded parameters beside the network's
        return module

    def _computed(self, squares: Sequence[np.ndarray]) -> np.ndarray:
        """The embeddings of one forward pass."""
        assert self._module is not None
        batch = padded(squares, self._pass, self.side)
        pixels = torch.from_numpy(batch).to(self._device, non_blocking=True).permute(0, 3, 1, 2)
        # A script that is optimised as it runs gives other bits after its first calls.
        with torch.inference_mode(), torch.jit.optimized_execution(False):
            pixels = (pixels.float() - self._mean) / self._std
            features = self._module(pixels.to(self._dtype))
        features = features.flatten(1).float().cpu().numpy()
        return np.ascontiguousarray(features[: len(squares)])

    def _fingerprint(self, loaded: Weights) -> str:
        kind = "bf16" if self._dtype == torch.bfloat16 else "fp32"
        return name_model(loaded, self.side, f"{_hardware(self._device)}-{kind}", self._pass)


def _hardware(device: torch.device) -> str:
    """The hardware that decides the kernels: the GPU's model, or the CPU's widest instructions."""
    if device.type == "cuda":
        return "cuda_" + re.sub(r"[^a-z0-9]+", "_", torch.cuda.get_device_name(device).lower())
    matrices = torch.cpu.get_capabilities().get("amx_bf16")
    return "cpu_" + ("amx" if matrices else torch.backends.cpu.get_cpu_capability().lower())


class PowerMean(nn.Module):
    """The generalised mean over the places of a picture, and a root of it: (n, c, h, w) to (n, c).

    Power 1 is the plain mean. Power 2 gives more weight to features that stand out in one place
    (Radenovic et al. 2018, "Fine-tuning CNN Image Retrieval with No Human Annotation"). A root
    keeps a few large values from ruling each comparison (Arandjelovic and Zisserman 2012, "Three
    things everyone should know to improve object retrieval"). The values are float32, whatever the
    network computes in. Values below zero count as zero. Training adds `least` to the mean of
    powers, because the slope of a root is infinite at zero.
    """

    def __init__(self, power: float, root: float, least: float = 0.0) -> None:
        super().__init__()
        self._power, self._exponent, self._least = power, 1 / (power * root), least

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """See the class."""
        positive = features.float().clamp(min=0)
        return (positive.pow(self._power).mean((2, 3)) + self._least).pow(self._exponent)


def resnet50_with(loaded: Weights) -> nn.Module:
    """A ResNet-50 with these weights and their pooling, without its last layer.

    Raises UserError when the weights do not fit.
    """
    from torchvision.models import resnet50  # slower to import than everything else here

    with torch.device("meta"):
        network = resnet50()
        network.fc = nn.Identity()
        if (loaded.pooling, loaded.root) != (1, 1):
            network.avgpool = PowerMean(loaded.pooling, loaded.root)
    state = loaded.state or {}
    layout.require_fit(loaded.name, state)
    kept = {key: torch.from_numpy(value) for key, value in state.items() if key[:3] != "fc."}
    network.load_state_dict(kept, strict=False, assign=True)
    for name, buffer in list(network.named_buffers()):
        if buffer.is_meta:  # a batch counter that only training reads
            owner, _, attribute = name.rpartition(".")
            setattr(network.get_submodule(owner), attribute, torch.tensor(0))
    return network.eval()


def _dtype(precision: str, device: torch.device) -> torch.dtype:
    if precision == "int8":
        raise UserError(
            "embed.precision is int8, which needs a CPU, OpenVINO and weights other than "
            "TorchScript: set it to auto"
        )
    if precision == "auto":
        fast = (
            torch.cuda.is_bf16_supported(including_emulation=False)
            if device.type == "cuda"
            else _cpu_computes_bf16()
        )
        return torch.bfloat16 if fast else torch.float32
    return torch.bfloat16 if precision == "bf16" else torch.float32


def _cpu_computes_bf16() -> bool:
    features = torch.cpu.get_capabilities()
    return bool(features.get("avx512_bf16") or features.get("amx_bf16") or features.get("bf16"))
