"""Image deduplication for data lakes: finds and removes copies of images, edited ones too."""

__version__ = "0.1.0"
