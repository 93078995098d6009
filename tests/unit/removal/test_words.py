"""What a person reads before they approve a plan: in Markdown that no name can break."""

from imgdedup.removal.commands import Planned
from imgdedup.removal.tasks import SOURCES, words


def test_it_tells_images_and_bytes_by_source_the_largest_first_and_what_stays() -> None:
    sources = {"s3://b/small": (1, 500_000), "s3://b/large": (12, 3_000_000)}
    left = {"it is protected": 2, "its keeper lies in another source": 1234}
    text = words(Planned("p-1", 13, 3_500_000, sources, left), "s3://b/out")
    lines = text.splitlines()
    assert lines[0].startswith("Apply moves 13 images (3.5 MB) to a quarantine.")
    assert lines[2:4] == [
        "- `s3://b/large`: 12 images (3.0 MB)",
        "- `s3://b/small`: 1 image (0.5 MB)",
    ]
    assert lines[-4:-2] == ["- 1,234: its keeper lies in another source", "- 2: it is protected"]
    assert "`s3://b/out/report/index.html`" in lines[-1]
    assert "`p-1`" in lines[-1]


def test_many_sources_are_counted_together() -> None:
    sources = {f"/photos/{number:03d}": (1, 10) for number in range(SOURCES + 3)}
    text = words(Planned("p", SOURCES + 3, 130, sources, {}), "/out")
    assert sum(line.startswith("- ") for line in text.splitlines()) == SOURCES + 1
    assert "- and 3 more sources" in text
    assert "Copies that stay" not in text


def test_a_hostile_source_stays_within_its_line_and_its_code() -> None:
    hostile = "/a`\n# <script>alert(1)</script> [click](http://x)" + "z" * 500
    text = words(Planned("p", 1, 1, {hostile: (1, 1)}, {}), "/out")
    (line,) = (line for line in text.splitlines() if "script" in line)
    assert line.startswith(r"- `/a'\u000a# <script>")
    assert line.count("`") == 2
    assert len(line) < 160
