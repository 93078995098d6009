"""The rates as a page to read."""

from benchmarks.gpu.measure import Measured


def page(measured: Measured, files: int, command: str, where: str) -> str:
    """The page of a measurement over `files` photographs."""
    threads = max(measured.decoding)
    decoding = "\n".join(f"| {count} | {rate:,.0f} |" for count, rate in measured.decoding.items())
    rates = "\n".join(
        f"| {rate.batch:,} | {rate.encoding:,.0f} | {rate.together:,.0f} | "
        f"{rate.share(measured.fastest_decoding):.2f} |"
        for rate in measured.rates
    )
    return f"""# One worker

    {command}

{where}. {files:,} photographs, {measured.side} px at the network. The model, which names the
device: `{measured.model}`.

## Decoding alone

An image is read, hashed, decoded, and its local features are found.

| threads | images a second |
|---|---|
{decoding}

## With the network

`alone` is the network with images that are in memory. `together` is what the stage `embed` does,
with {threads} threads. `share` is that rate over the rate of the slower part: {threads} threads of
decoding, or the network alone.

| batch | alone, images a second | together | share |
|---|---|---|---|
{rates}
"""
