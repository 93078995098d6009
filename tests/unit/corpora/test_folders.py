"""Folders of photographs that are kept apart."""

from pathlib import Path

import pytest

from imgdedup.corpora.folders import lies_in, read_folder_names
from imgdedup.errors import UserError


def test_a_name_stands_for_itself_and_a_file_for_its_lines(tmp_path: Path) -> None:
    assert read_folder_names("bsds500") == {"bsds500"}
    file = tmp_path / "unseen.txt"
    file.write_text("ant\n\ngrand piano\n")
    assert read_folder_names(str(file)) == {"ant", "grand piano"}


def test_a_file_that_is_not_there_or_names_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot read"):
        read_folder_names(str(tmp_path / "nothing.txt"))
    (tmp_path / "empty.txt").write_text("\n")
    with pytest.raises(UserError, match="names no folder"):
        read_folder_names(str(tmp_path / "empty.txt"))


def test_a_file_lies_in_all_folders_above_it_and_not_in_itself() -> None:
    assert lies_in("caltech101/ant/1.jpg", {"ant"})
    assert lies_in("caltech101/ant/1.jpg", {"caltech101"})
    assert not lies_in("caltech101/ant/1.jpg", {"an", "1.jpg"})
