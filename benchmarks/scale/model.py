"""What a run costs, stage by stage: pure functions of a load, the rates and the configuration.

Each image is taken as a content of its own. So repeated files cost less than the model says. The
start of the three jobs, some ten seconds each, is left out.
"""

from collections.abc import Mapping

from benchmarks.scale import indexes
from benchmarks.scale.scenario import Cluster, Load, Scenario, Work, first, touching

HOUR = 3600.0
_MS, _US = 1e-3, 1e-6


def works(load: Load, scenario: Scenario) -> dict[str, Work]:
    """The work of each stage."""
    stages = (scan, embed, fit, index, search, verify, group)
    return {stage.__name__: stage(load, scenario) for stage in stages}


def total(parts: Mapping[str, Work]) -> Work:
    """All work together."""
    return sum(parts.values(), Work())


def scan(load: Load, scenario: Scenario) -> Work:
    """The driver lists the folder of the day."""
    rates = scenario.rates
    listing = load.new / rates("driver.listing")
    return Work(serial=listing, written=load.new * rates("lake.manifest"))


def embed(load: Load, scenario: Scenario) -> Work:
    """Every new image is read, decoded and described; known contents are shipped before."""
    rates, photo = scenario.rates, f"photo.{scenario.photo}"
    image = rates(f"{photo}.decode") + rates("embed.local_features") + rates("embed.aggregate")
    image += 0.0 if scenario.gpu else rates("embed.network")
    known = min(load.corpus - load.new, scenario.config.embed.reuse_contents)
    keys = rates("lake.keys") + rates("lake.narrow")
    return Work(
        core=load.new * image * _MS + known * rates("embed.ship_known") * _US,
        gpu=load.new / rates("embed.gpu_network") if scenario.gpu else 0.0,
        read=load.new * rates(f"{photo}.file") + (load.corpus - load.new) * keys,
        written=load.new * scenario.embeddings,
    )


def fit(load: Load, scenario: Scenario) -> Work:
    """All contents are counted. The first time, a sample is drawn from all descriptions."""
    rates = scenario.rates
    drawn = load.corpus * scenario.described if load.is_first else 0.0
    return Work(
        core=load.corpus * rates("fit.count") * _US,
        read=load.corpus * rates("lake.keys") + drawn,
        shuffled=load.corpus * rates("lake.keys") + drawn,
    )


def index(load: Load, scenario: Scenario) -> Work:
    """All keys are compared; new contents are projected, and one process inserts them."""
    rates = scenario.rates
    compared = 2 * load.corpus * rates("index.compare") * _US  # before and after
    wide = load.new * scenario.described
    return Work(
        core=compared + load.new * rates("index.project") * _MS,
        serial=load.new / rates("index.writer"),
        server=load.new * indexes.build_ms(scenario.index, rates) * _MS,
        read=2 * load.corpus * rates("lake.keys") + wide,
        shuffled=4 * load.corpus * rates("lake.keys") + wide,
    )


def search(load: Load, scenario: Scenario) -> Work:
    """All keys are compared, the collection is certified, and new contents ask.

    The certificate reads all descriptions twice: to draw its sample, and for the exact product.
    """
    rates = scenario.rates
    parts = indexes.segments(load.corpus, scenario.width, rates)
    query = indexes.query_ms(scenario.index, load.corpus, parts, rates)
    certified = rates("index.project") + rates("search.certify")
    wide = 2 * load.corpus * scenario.described
    narrow = load.corpus * (rates("lake.keys") + rates("lake.snapshot"))
    return Work(
        core=load.corpus * (rates("search.compare") * _US + certified * _MS)
        + load.new * rates("search.ask") * _MS,
        server=load.new * (query + rates("milvus.lookups")) * _MS,
        read=narrow + wide,
        written=candidates(load, scenario) * rates("lake.candidate")
        + load.new * rates("lake.snapshot"),
        shuffled=2 * narrow + wide,
    )


def candidates(load: Load, scenario: Scenario) -> float:
    """The candidates that touch a new image: those that are no copies, and copies."""
    each = scenario.config.fit.candidates_per_image + scenario.rates("corpus.copies")
    return touching(each, load)


def involved(load: Load, scenario: Scenario) -> float:
    """The contents of the candidates of a run: new images, and their partners among the old."""
    return min(load.corpus, load.new + candidates(load, scenario))


def verify(load: Load, scenario: Scenario) -> Work:
    """Candidates are compared in blocks; the originals of copies are looked at.

    The partners of new images lie in all days, and a file is read whole. So the pictures of all
    days are read.
    """
    rates = scenario.rates
    copies = touching(rates("corpus.copies"), load)
    others = candidates(load, scenario) - copies
    looks = copies * rates("verify.looked")
    found = involved(load, scenario)
    return Work(
        core=(
            copies * rates("verify.copy")
            + others * rates("verify.other")
            + found * rates("verify.picture")
            + looks * rates(f"photo.{scenario.photo}.look")
        )
        * _MS,
        read=load.corpus * (scenario.picture + rates("lake.keys"))
        + 2 * looks * rates(f"photo.{scenario.photo}.file"),
        written=(copies + others) * rates("lake.verdict") + copies * rates("lake.pair"),
        shuffled=moved_pictures(load, scenario) * scenario.picture,
    )


def buckets(load: Load, scenario: Scenario) -> int:
    """The buckets of contents in `verify`, as `stages.verify.comparing` counts them."""
    wanted = involved(load, scenario) / scenario.config.verify.block_contents
    return int(min(max(wanted, 3), 256))


def blocks(load: Load, scenario: Scenario) -> float:
    """The pairs of buckets: the tasks of `verify`."""
    number = buckets(load, scenario)
    return number * (number + 1) / 2


def moved_pictures(load: Load, scenario: Scenario) -> float:
    """How many pictures travel: each content goes to every block that has a candidate of it."""
    number, found = buckets(load, scenario), involved(load, scenario)
    partners = 2 * candidates(load, scenario) / found
    return found * number * (1 - (1 - 1 / number) ** partners)


def block_bytes(load: Load, scenario: Scenario) -> float:
    """The memory of a task of `verify`, in bytes: the pictures of one block."""
    pictures = moved_pictures(load, scenario) / blocks(load, scenario)
    return pictures * scenario.picture * scenario.rates("verify.held")


def group(load: Load, scenario: Scenario) -> Work:
    """Pairs are connected in rounds, and manifests are written again without the removed images."""
    rates = scenario.rates
    edges = touching(rates("corpus.copies"), load)
    rounds = rates("group.rounds")
    pairs = load.corpus * rates("corpus.copies") / 2
    tables = rates("lake.snapshot") + rates("lake.manifest")
    return Work(
        core=load.corpus * rates("group.row") * _US + edges * rounds * rates("group.edge") * _US,
        read=load.corpus * tables + pairs * rates("lake.pair"),
        written=load.corpus * rates("lake.deduplicated")
        + load.corpus * rates("corpus.copies") * rates("lake.group"),
        shuffled=load.corpus * tables + 8 * edges * rounds * rates("group.edge_bytes"),
    )


def seconds(work: Work, load: Load, cluster: Cluster, scenario: Scenario) -> float:
    """How long a stage takes on a cluster. Nothing overlaps, so this is an upper bound."""
    rates = scenario.rates
    servers = indexes.servers(scenario.index, load.corpus, scenario.width, rates)
    return (
        work.serial
        + work.core / cluster.all_cores
        + work.server / servers.cores
        + (work.gpu / cluster.gpus if work.gpu else 0.0)
        + (work.read + work.written) / (rates("machines.store") * cluster.all_cores)
        + 2 * work.shuffled / (rates("machines.disk") * cluster.executors)
    )


def at_rest(images: float, scenario: Scenario) -> dict[str, float]:
    """Bytes of each table."""
    rates, load = scenario.rates, first(images)
    found, copies = candidates(load, scenario), touching(rates("corpus.copies"), load)
    return {
        "manifest": images * rates("lake.manifest"),
        "embeddings": images * scenario.embeddings,
        "snapshot": images * rates("lake.snapshot"),
        "candidates": found * rates("lake.candidate"),
        "verdicts": found * rates("lake.verdict"),
        "pairs": copies * rates("lake.pair"),
        "groups": images * rates("corpus.copies") * rates("lake.group"),
        "deduplicated": images * rates("lake.deduplicated"),
    }


def dollars(hours: float, load: Load, cluster: Cluster, scenario: Scenario) -> float:
    """The price of all machines for so many hours."""
    rates = scenario.rates
    servers = indexes.servers(scenario.index, load.corpus, scenario.width, rates)
    return hours * (
        cluster.all_cores * rates("prices.core")
        + cluster.gpus * rates("prices.gpu")
        + servers.nodes * rates("prices.query_node")
    )
