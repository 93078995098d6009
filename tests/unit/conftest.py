"""Properties are checked without a deadline: on a busy machine any example can be slow."""

from hypothesis import settings

settings.register_profile("imgdedup", deadline=None)
settings.load_profile("imgdedup")
