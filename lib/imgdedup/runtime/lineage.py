"""The datasets of a task, told to OpenLineage where Airflow has its provider.

The provider looks for methods of fixed names on the operator, and is imported nowhere else.
"""

import os
import re
from collections.abc import Iterator, Sequence
from typing import Any

# Other spellings of a scheme, and the stores whose names begin without a slash.
_SCHEMES = {"s3a": "s3", "s3n": "s3", "gcs": "gs"}
_STORES = ("s3", "gs", "wasbs")
_OPEN = re.compile(r"[{*?\[]")  # begins what differs from day to day, or a pattern


class TellsLineage:
    """An operator whose task reads and writes datasets under a root.

    `root` and `images`, a place of images or several with commas between, are rendered when the
    task runs. `reads` and `writes` are names of datasets.
    """

    root: str
    images: str = ""
    reads: Sequence[str] = ()
    writes: Sequence[str] = ()

    def get_openlineage_facets_on_start(self) -> Any:
        """What the task is going to read."""
        return self._told(())

    def get_openlineage_facets_on_complete(self, task_instance: Any) -> Any:
        """What the task read and wrote."""
        return self._told(self.writes)

    def get_openlineage_facets_on_failure(self, task_instance: Any) -> Any:
        """What the task read; what it wrote is not known."""
        return self._told(())

    def _told(self, writes: Sequence[str]) -> Any:
        from airflow.providers.common.compat.openlineage.facet import Dataset
        from airflow.providers.openlineage.extractors import OperatorLineage

        inputs = [*places_of(self.images), *(f"{self.root}/{name}" for name in self.reads)]
        written = (f"{self.root}/{name}" for name in writes)
        outputs = [place for place in written if place not in inputs]
        return OperatorLineage(
            inputs=[Dataset(*dataset_name(place)) for place in inputs],
            outputs=[Dataset(*dataset_name(place)) for place in outputs],
        )


def places_of(images: str) -> Iterator[str]:
    """The folders of the places in `images`, up to the first pattern or `{dt}` of each.

    So the images of all days are one dataset.
    """
    for place in filter(None, map(str.strip, images.split(","))):
        fixed = _OPEN.split(place, maxsplit=1)[0]
        yield place if fixed == place else fixed.rpartition("/")[0]


def dataset_name(place: str) -> tuple[str, str]:
    """Namespace and name of a folder or uri, as OpenLineage's specification of names has them."""
    scheme, found, rest = place.partition("://")
    if not found or scheme == "file":
        return "file", os.path.abspath(rest if found else place)
    authority, _, path = rest.partition("/")
    scheme = _SCHEMES.get(scheme, scheme)
    name = re.sub("/+", "/", path).strip("/")
    return f"{scheme}://{authority}", name if scheme in _STORES else f"/{name}"
