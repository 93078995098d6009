"""The largest corpus that each part of imgdedup carries, by the model."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from benchmarks.scale import indexes, model
from benchmarks.scale.model import HOUR
from benchmarks.scale.scenario import Cluster, Load, Scenario, day, first

_DAY = 24 * HOUR
_LEAST, _MOST = 1e3, 1e13  # images


@dataclass(frozen=True)
class Limit:
    """Where one part breaks: `images` is the largest corpus that keeps to the bound."""

    part: str
    grows: str
    bound: str
    images: float


def largest(cost: Callable[[float], float], bound: float) -> float:
    """The largest number of images whose cost, which grows with them, stays within `bound`.

    Between 1,000 and 10^13, to one part in a thousand; 0 when even 1,000 cost more.
    """
    if cost(_LEAST) > bound:
        return 0.0
    low, high = _LEAST, _MOST
    while high / low > 1.001:
        middle = (low * high) ** 0.5
        low, high = (middle, high) if cost(middle) <= bound else (low, middle)
    return low


def limits(cluster: Cluster, scenario: Scenario) -> list[Limit]:
    """All limits on a cluster, the first to break first."""
    found = [*_first_load(cluster, scenario), *_searches(scenario)]
    return sorted([*found, *_daily(cluster, scenario)], key=lambda limit: limit.images)


def _first_load(cluster: Cluster, scenario: Scenario) -> list[Limit]:
    rates = scenario.rates

    def listed(images: float) -> float:
        return images * rates("driver.listing_bytes")

    def disk(images: float) -> float:
        moved = model.moved_pictures(first(images), scenario) * scenario.picture
        return moved / cluster.executors

    def block(images: float) -> float:
        return model.block_bytes(first(images), scenario)

    def writes(images: float) -> float:
        return images / rates("index.writer")

    memory, size = rates("machines.driver_memory"), rates("machines.disk_size")
    task = rates("machines.task_memory")
    return [
        Limit("`scan`: the names of one folder, in the driver", "N", _gb(memory),
              largest(listed, memory)),
        Limit("`verify`, first load: pictures on the disk of an executor", "N", _gb(size),
              largest(disk, size)),
        Limit("`verify`, first load: pictures of one task", "N beyond 256,000", _gb(task),
              largest(block, task)),
        Limit("`index`, first load: one process inserts", "N", "24 hours", largest(writes, _DAY)),
    ]  # fmt: skip


def _searches(scenario: Scenario) -> list[Limit]:
    found = []
    for kind in indexes.TIMED:
        other, part = replace(scenario, index=kind), f"`search` with {kind}"
        once = largest(partial(_first_asking, scenario=other), _DAY)
        found.append(Limit(f"{part}, first load: queries", "N²", "24 hours", once))
        daily = largest(partial(_daily_asking, scenario=other), HOUR)
        found.append(Limit(f"{part}, one more day: queries", "N²", "1 hour", daily))
    return found


def _first_asking(images: float, scenario: Scenario) -> float:
    return _asking(first(images), scenario)


def _daily_asking(images: float, scenario: Scenario) -> float:
    return _asking(_one_day(images, scenario), scenario)


def _one_day(images: float, scenario: Scenario) -> Load:
    return day(images, scenario.rates)


def _asking(load: Load, scenario: Scenario) -> float:
    """The seconds in which the query nodes answer the queries of a run."""
    rates, width = scenario.rates, scenario.width
    nodes = indexes.servers(scenario.index, load.corpus, width, rates)
    return model.search(load, scenario).server / nodes.cores


def _daily(cluster: Cluster, scenario: Scenario) -> list[Limit]:
    def reads(bytes_of_image: float) -> Callable[[float], float]:
        speed = scenario.rates("machines.store") * cluster.all_cores
        return lambda images: images * bytes_of_image / speed

    def whole(images: float) -> float:
        load = _one_day(images, scenario)
        works = model.works(load, scenario).values()
        return sum(model.seconds(work, load, cluster, scenario) for work in works)

    return [
        Limit("`search`, one more day: the certificate reads all descriptions twice", "N",
              "1 hour", largest(reads(2 * scenario.described), HOUR)),
        Limit("`verify`, one more day: it reads the pictures of all days", "N", "1 hour",
              largest(reads(scenario.picture), HOUR)),
        Limit("one more day, all stages", "N", "24 hours", largest(whole, _DAY)),
    ]  # fmt: skip


def _gb(size: float) -> str:
    return f"{size / 1e9:,.0f} GB"
