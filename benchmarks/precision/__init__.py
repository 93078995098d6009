"""The precision benchmark: generated pictures that look alike but differ, beside true copies."""
