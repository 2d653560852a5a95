"""File systems to try an archive on: loop devices and tmpfs. Root only."""

from __future__ import annotations

import fcntl
import os
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import tools

_GOING_DOWN = 0x8004587D  # EXT4_IOC_SHUTDOWN and XFS_IOC_GOINGDOWN are one number
_LOG_IS_LOST = 2
_ALONE = "REELKEEP_SOAK_ALONE"
_SYSTEM = ("/proc", "/sys", "/dev", "/etc", "/boot")
_PACKAGES = {"mkfs.xfs": "xfsprogs", "mkfs.ext4": "e2fsprogs", "strace": "strace"}


def missing_programs() -> str | None:
    """Install what is needed; return in words what stands in the way, None if nothing does."""
    if os.geteuid() != 0:
        return "only root may mount file systems: run it as root, on a machine of its own"
    lacking = tools.install(_PACKAGES)
    return f"missing programs: {', '.join(lacking)}" if lacking else None


def be_alone() -> None:
    """Begin anew in a mount namespace of our own, unless we are in one.

    A container that is started meanwhile copies the mounts of its namespace, and a file system
    that is mounted anywhere is not found by a machine that lost its power, but used on.
    """
    if os.environ.get(_ALONE):
        for path in _others():
            subprocess.run(["umount", "-l", path], check=False, capture_output=True)
        return
    command = ["unshare", "--mount", sys.executable, "-m", "soak", *sys.argv[1:]]
    os.execvpe("unshare", command, {**os.environ, _ALONE: "1"})


def _others() -> list[str]:
    """Return mounts that are none of our business, and which we would keep from being unmounted."""
    lines = Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines()
    paths = [line.split()[1] for line in lines]
    return [path for path in reversed(paths) if path != "/" and not path.startswith(_SYSTEM)]


def run(*command: str | Path) -> None:
    subprocess.run([str(word) for word in command], check=True, capture_output=True)


@dataclass
class Ground:
    """A mounted file system."""

    mount: Path
    source: Path | str
    options: str

    def cut(self) -> None:
        """Lose the power: what was not flushed is gone, and nothing can be written any more."""
        fd = os.open(self.mount, os.O_RDONLY)
        try:
            fcntl.ioctl(fd, _GOING_DOWN, struct.pack("I", _LOG_IS_LOST))
        finally:
            os.close(fd)

    def again(self) -> None:
        """Mount it anew: the file system recovers by its own journal."""
        run("umount", self.mount)
        self.up()

    def up(self) -> None:
        run("mount", "-o", self.options, self.source, self.mount)

    def remount(self, options: str) -> bool:
        """Change the options; return whether that could be done now."""
        command = ["mount", "-o", f"remount,{options}", str(self.mount)]
        return subprocess.run(command, check=False, capture_output=True).returncode == 0


@contextmanager
def on_loop(kind: str, mebibytes: int) -> Iterator[Ground]:
    """Make a file system of this kind in a file, and take it away at the end."""
    with tempfile.TemporaryDirectory(prefix="reelkeep-soak-") as place:
        image, mount = Path(place) / "image", Path(place) / "mount"
        mount.mkdir()
        with image.open("wb") as file:
            file.truncate(mebibytes << 20)
        run(f"mkfs.{kind}", "-q", image)
        yield from _mounted(Ground(mount, image, "loop"))


@contextmanager
def on_tmpfs(mebibytes: int) -> Iterator[Ground]:
    """Make a small file system in memory."""
    with tempfile.TemporaryDirectory(prefix="reelkeep-soak-") as place:
        ground = Ground(Path(place), "tmpfs", f"size={mebibytes}m")
        run("mount", "-t", "tmpfs", "-o", ground.options, "tmpfs", ground.mount)
        try:
            yield ground
        finally:
            run("umount", "-l", ground.mount)


def _mounted(ground: Ground) -> Iterator[Ground]:
    ground.up()
    try:
        yield ground
    finally:
        run("umount", "-l", ground.mount)
