"""Generated corpora of edited photographs, for the demo, tests and benchmarks."""
