"""`python -m imgdedup.encoder`: stores a state_dict in the compact form of `builtin`."""

import argparse
from pathlib import Path

import torch

from imgdedup.encoder import quantized


def main() -> None:
    """Quantise a .pth state_dict to int8 per output channel; `fc` is left out."""
    parser = argparse.ArgumentParser(prog="python -m imgdedup.encoder")
    parser.add_argument("state_dict", type=Path, help=".pth file of a ResNet-50 state_dict")
    parser.add_argument("out", type=Path, help=".safetensors file to write")
    parser.add_argument("--input-size", type=int, required=True, help="best side in pixels")
    parser.add_argument("--licence", default="", help="terms of the weights")
    arguments = parser.parse_args()
    state = torch.load(arguments.state_dict, map_location="cpu", weights_only=True)
    kept = {
        name: (tensor.float() if tensor.is_floating_point() else tensor).numpy()
        for name, tensor in state.items()
        if not name.startswith("fc.")
    }
    metadata = {"input_size": str(arguments.input_size), "licence": arguments.licence}
    quantized.save(arguments.out, kept, metadata)


if __name__ == "__main__":
    main()
