"""embed: reads, hashes, decodes and embeds each image of a manifest once."""

from imgdedup.stages.embed.stage import run

__all__ = ["run"]
