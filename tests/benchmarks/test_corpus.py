"""The quality benchmark's corpus: what takes part, and the truth about each file."""

import hashlib
from pathlib import Path

import pytest
from PIL import Image

from benchmarks.quality import corpus, photos
from benchmarks.quality.corpus import COPY, KINDS, PHOTO, Corpus
from imgdedup.corpora.edits import EVERYDAY
from imgdedup.corpora.strong_edits import COLLAGE, STRONG
from imgdedup.corpora.turned_edits import TURNED
from imgdedup.errors import UserError
from tests.stand_ins import encoded, picture

CATEGORIES = ("ant", "bear", "cat")


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two photographs in each category, and files that cannot take part."""
    folder = tmp_path_factory.mktemp("source")
    for seed, category in enumerate(CATEGORIES):
        (folder / category).mkdir()
        for number in range(2):
            image = picture(10 * seed + number, 120, 90)
            (folder / category / f"{number}.jpg").write_bytes(encoded(image, "JPEG"))
    (folder / "ant" / "again.jpg").write_bytes((folder / "ant" / "0.jpg").read_bytes())
    (folder / "ant" / "small.png").write_bytes(encoded(picture(1, 63, 90)))
    (folder / "bear" / "notes.txt").write_text("no picture")
    (folder / "bear" / ".hidden.png").write_bytes(encoded(picture(2)))
    (folder / "large.jpg").write_bytes(encoded(picture(3, 1200, 800), "JPEG"))
    return folder


@pytest.fixture(scope="module")
def built(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    folder = tmp_path_factory.mktemp("bench") / "corpus"
    return corpus.ensure(folder, photos.below(source, None), 2, 0, {"source": "test"})


def digests(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_halves_are_alternate_categories(source: Path) -> None:
    def categories(half: str | None) -> set[str]:
        return {name.rpartition("/")[0] for name in photos.below(source, half)}

    assert categories("a") == {"ant", "cat"}
    assert categories("b") == {"bear"}
    assert categories(None) == {"", *CATEGORIES}
    assert not any("hidden" in name for name in photos.below(source, None))


def test_a_folder_without_categories_has_no_halves(source: Path) -> None:
    with pytest.raises(UserError, match="has 0 sub-folders: HALF needs at least two"):
        photos.below(source / "ant", "a")
    with pytest.raises(UserError, match=r"there is no folder .*PHOTOS"):
        photos.below(source / "nowhere", None)


def test_files_that_cannot_take_part_are_counted(built: Corpus) -> None:
    description = built.description
    assert description["left_out"] == {"unreadable": 1, "small": 1, "identical": 1}
    assert (description["photos"], description["originals"]) == (7, 2)
    assert (description["distractors"], description["shrunk"]) == (5, 1)
    assert description["source"] == "test"


def test_the_truth_names_every_file_once(built: Corpus) -> None:
    assert sorted(row.image_id for row in built.truth) == sorted(digests(built.files))
    assert corpus.load(built.files.parent).truth == built.truth


def test_a_chosen_photograph_has_every_edit_and_an_exact_copy(built: Corpus, source: Path) -> None:
    edited = {row.photo for row in built.truth if row.kind != PHOTO}
    assert len(edited) == 2
    for photo in edited:
        rows = {row.edit: row for row in built.truth if row.photo == photo and row.kind != PHOTO}
        assert rows.keys() == {COPY, *EVERYDAY, *TURNED, *STRONG, COLLAGE}
        assert all(row.kind == KINDS[edit] for edit, row in rows.items())
        content = {edit: (built.files / row.image_id).read_bytes() for edit, row in rows.items()}
        assert content[COPY] == (built.files / "photos" / photo).read_bytes()
        assert len(set(content.values())) == len(content)
        shown = rows[COLLAGE].photos
        assert shown[0] == photo
        assert len(set(shown)) == 4
        assert set(shown) <= {row.photo for row in built.truth}


def test_photographs_take_part_as_they_are_unless_large(built: Corpus, source: Path) -> None:
    found = digests(built.files / "photos")
    kept = {name: digest for name, digest in found.items() if name != "large.jpg"}
    assert kept.items() <= digests(source).items()
    assert max(Image.open(built.files / "photos" / "large.jpg").size) == corpus.LONG_SIDE


def test_one_seed_gives_the_same_bytes_and_another_does_not(
    built: Corpus, source: Path, tmp_path: Path
) -> None:
    available = photos.below(source, None)
    again = corpus.ensure(tmp_path / "again", available, 2, 0, {})
    other = corpus.ensure(tmp_path / "other", available, 2, 1, {})
    assert digests(again.files) == digests(built.files)
    assert digests(other.files) != digests(built.files)


def test_a_complete_corpus_is_left_alone_and_a_damaged_one_is_built_again(
    source: Path, tmp_path: Path
) -> None:
    available = photos.below(source, None)
    first = corpus.ensure(tmp_path / "corpus", available, 1, 0, {"source": "x"})
    before = {path: path.stat().st_mtime_ns for path in first.files.rglob("*")}
    assert corpus.ensure(tmp_path / "corpus", available, 1, 0, {"source": "x"}) == first
    assert {path: path.stat().st_mtime_ns for path in first.files.rglob("*")} == before
    (first.files / first.truth[0].image_id).unlink()
    corpus.ensure(tmp_path / "corpus", available, 1, 0, {"source": "x"})
    assert (first.files / first.truth[0].image_id).exists()


def test_too_few_photographs_are_refused(source: Path, tmp_path: Path) -> None:
    available = photos.below(source / "cat", None)
    with pytest.raises(UserError, match="2 usable photographs: the benchmark needs at least four"):
        corpus.ensure(tmp_path / "corpus", available, 1, 0, {})
    with pytest.raises(UserError, match=r"no corpus in .*: run the benchmark in full"):
        corpus.load(tmp_path / "corpus")


def test_the_packages_photographs_need_no_folder() -> None:
    files = photos.of_packages()
    assert len(files) == 21
    assert all(path.is_file() for path in files.values())
    assert files["cat.png"].name == "chelsea.png"


def test_an_animation_gets_no_copies(tmp_path: Path) -> None:
    stills = [picture(seed, 120, 90) for seed in range(3)]
    stills[0].save(tmp_path / "moving.gif", save_all=True, append_images=stills[1:])
    stills[0].save(tmp_path / "still.png")
    files = {path.name: path for path in tmp_path.iterdir()}
    for seed in range(4):
        assert photos.draw_stills(sorted(files), files, 2, seed) == ["still.png"]
