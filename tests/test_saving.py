import errno
import os

import pytest

from metadesk.errors import FileProblem
from metadesk.saving import save_atomically, save_bytes, why_not_saved


def test_a_file_is_saved_and_nothing_else_is_left(tmp_path):
    save_bytes(tmp_path / "a.txt", b"one")
    save_bytes(tmp_path / "a.txt", b"two")
    assert (tmp_path / "a.txt").read_bytes() == b"two"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_a_failed_save_leaves_the_older_file_as_it_was(tmp_path):
    target = save_bytes(tmp_path / "a.txt", b"older")

    def write(temporary):
        temporary.write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(FileProblem, match="no space left"):
        save_atomically(target, write)
    assert target.read_bytes() == b"older"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_any_other_error_also_cleans_up(tmp_path):
    def write(temporary):
        raise RuntimeError("a fault of the program")

    with pytest.raises(RuntimeError):
        save_atomically(tmp_path / "a.txt", write)
    assert os.listdir(tmp_path) == []


def test_a_missing_folder_a_folder_and_a_locked_file_each_get_their_sentence(tmp_path):
    with pytest.raises(FileProblem, match="does not exist"):
        save_bytes(tmp_path / "no" / "a.txt", b"")
    with pytest.raises(FileProblem, match="is a folder"):
        save_bytes(tmp_path, b"")
    there = save_bytes(tmp_path / "open.xlsx", b"")
    locked = PermissionError(errno.EACCES, "Permission denied")
    assert "open in another program" in why_not_saved(there, locked)


def test_a_read_only_folder_gets_its_sentence(tmp_path, monkeypatch):
    def refuse(**_):
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr("metadesk.saving.tempfile.mkstemp", refuse)
    with pytest.raises(FileProblem, match=r"read-only\. Choose a folder of your own"):
        save_bytes(tmp_path / "a.txt", b"")


@pytest.mark.skipif(os.name != "posix", reason="rights of POSIX files")
def test_a_saved_file_can_be_read_by_others_as_any_new_file(tmp_path):
    plain = tmp_path / "plain.txt"
    plain.write_bytes(b"")
    saved = save_bytes(tmp_path / "saved.txt", b"")
    assert saved.stat().st_mode == plain.stat().st_mode
    saved.chmod(0o600)
    save_bytes(saved, b"again")
    assert saved.stat().st_mode & 0o777 == 0o600


def test_a_name_that_is_too_long_is_said_to_be():
    from pathlib import Path

    with pytest.raises(FileProblem, match="its name is too long"):
        save_bytes(Path("/tmp") / ("x" * 300 + ".txt"), b"one")
