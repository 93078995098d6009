"""What the model computes with: a load, a cluster, the work of a stage, and a scenario."""

from dataclasses import dataclass, fields

from benchmarks.scale.rates import Rates
from imgdedup.config import Config
from imgdedup.space.vectors import EXTRA


@dataclass(frozen=True)
class Load:
    """A run: `new` images come into a corpus that then has `corpus` images."""

    new: float
    corpus: float

    @property
    def is_first(self) -> bool:
        """Whether there was nothing before."""
        return self.new == self.corpus


@dataclass(frozen=True)
class Cluster:
    """Spark's executors; the query nodes follow from the memory of the index."""

    executors: int
    cores: int  # of each executor
    gpus: int = 0  # in all

    @property
    def all_cores(self) -> int:
        """The cores of all executors."""
        return self.executors * self.cores


@dataclass(frozen=True)
class Work:
    """What a stage does."""

    core: float = 0.0  # core-seconds of executors
    serial: float = 0.0  # seconds in which one process works, and all others wait
    server: float = 0.0  # core-seconds of Milvus
    gpu: float = 0.0  # GPU-seconds
    read: float = 0.0  # bytes of the lake and of images
    written: float = 0.0  # bytes of the lake
    shuffled: float = 0.0  # bytes from executor to executor, over their disks

    def __add__(self, other: "Work") -> "Work":
        names = [field.name for field in fields(self)]
        return Work(**{name: getattr(self, name) + getattr(other, name) for name in names})


@dataclass(frozen=True)
class Scenario:
    """What stays the same from stage to stage."""

    rates: Rates
    config: Config
    index: str = "HNSW"
    photo: str = "small"
    gpu: bool = False

    @property
    def width(self) -> int:
        """The values of a stored vector."""
        return self.config.fit.dims + self.config.fit.local_dims + EXTRA

    @property
    def described(self) -> float:
        """Bytes of the columns that an image is placed by, `embedding` and `local`."""
        return self.rates("lake.embedding") + self.rates("lake.local")

    @property
    def picture(self) -> float:
        """Bytes of the columns that `verify` compares, `thumbnail` and `features`."""
        return self.rates("lake.thumbnail") + self.rates("lake.features")

    @property
    def embeddings(self) -> float:
        """Bytes of a row of `embeddings`."""
        return self.described + self.picture + self.rates("lake.keys") + self.rates("lake.narrow")


def first(images: float) -> Load:
    """The first load of a corpus."""
    return Load(images, images)


def day(images: float, rates: Rates) -> Load:
    """One more day of a corpus that has grown evenly."""
    return Load(images / rates("corpus.days"), images)


def touching(each: float, load: Load) -> float:
    """The pairs that touch a new image, when an image of the whole corpus is in `each` pairs.

    A corpus of N images has `each` N / 2 pairs. Those among the N - n old images fall with the
    square of their share.
    """
    return each * load.new * (1 - load.new / (2 * load.corpus))
