"""The stages: each module or package of a stage gives `run(Run) -> Outcome`.

Stages never import each other. They may use everything below them.
"""

from importlib import import_module

from imgdedup.runtime.run import Body


def body_of(stage: str) -> Body:
    """The `run` of a stage, by the name of the stage."""
    body: Body = import_module(f"imgdedup.stages.{stage}").run
    return body
