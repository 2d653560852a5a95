from __future__ import annotations

import socket
import stat
from pathlib import Path

import pytest

from reelkeep.errors import CannotListen
from reelkeep.telemetry.server import socket_file


def left_behind(path: Path) -> None:
    """Leave a socket as a crash does: there, and dead."""
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))


def test_owner_and_group_may_connect_and_nobody_else(tmp_path: Path) -> None:
    with socket_file(tmp_path / "s"):
        mode = (tmp_path / "s").stat().st_mode
    assert stat.S_ISSOCK(mode)
    assert stat.S_IMODE(mode) == 0o660


def test_it_is_gone_afterwards(tmp_path: Path) -> None:
    with socket_file(tmp_path / "s"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_socket_that_a_crash_left_is_replaced(tmp_path: Path) -> None:
    left_behind(tmp_path / "s")
    with socket_file(tmp_path / "s") as made, socket.socket(socket.AF_UNIX) as client:
        made.listen()
        client.connect(str(tmp_path / "s"))


@pytest.mark.parametrize("backlog", [0, 5])
def test_a_socket_on_which_somebody_listens_is_left_alone(tmp_path: Path, backlog: int) -> None:
    with socket_file(tmp_path / "s") as other:
        other.listen(backlog)
        with pytest.raises(CannotListen, match="another process listens there"):
            socket_file(tmp_path / "s").__enter__()
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(120)
            other.accept()[0].close()  # the question
            client.connect(str(tmp_path / "s"))


def test_a_file_is_never_removed(tmp_path: Path) -> None:
    (tmp_path / "s").write_text("precious")
    with pytest.raises(CannotListen, match="another file has this name"):
        socket_file(tmp_path / "s").__enter__()
    assert (tmp_path / "s").read_text() == "precious"


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    left_behind(tmp_path / "dead")
    (tmp_path / "s").symlink_to(tmp_path / "dead")
    with pytest.raises(CannotListen, match="another file has this name"):
        socket_file(tmp_path / "s").__enter__()
    assert (tmp_path / "dead").is_socket()


def test_a_folder_that_lacks_is_the_operators_to_make(tmp_path: Path) -> None:
    with pytest.raises(CannotListen, match=r"server.listen: .*/no/s: No such file or directory"):
        socket_file(tmp_path / "no" / "s").__enter__()


def test_what_took_its_place_stays(tmp_path: Path) -> None:
    with socket_file(tmp_path / "s"):
        (tmp_path / "s").unlink()
        left_behind(tmp_path / "s")
    assert (tmp_path / "s").is_socket()
