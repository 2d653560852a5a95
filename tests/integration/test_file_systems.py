"""An archive on real file systems, as root; what this machine cannot mount is skipped.

`docs/reference/file-systems.md` says what was found here.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest

import tools
from fakes.disk import archive_on
from fakes.holdings import KEY, download, holding, put
from reelkeep.archive.file_system import try_file_system
from reelkeep.archive.local import LocalArchive
from reelkeep.archive.paths import ArchivePaths
from reelkeep.core.file_system import FileSystem, limitations
from reelkeep.disk import ArchiveDisk
from reelkeep.errors import ArchiveAbsent, TransferError

pytestmark = [
    pytest.mark.prove,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount file systems"),
]

FOLDER = f"support/2026/{KEY}"
IDENTITY = "5" * 32
MIB = 1 << 20

PACKAGES = {
    "bindfs": "bindfs",
    "mkfs.btrfs": "btrfs-progs",
    "mkfs.exfat": "exfatprogs",
    "mkfs.ext4": "e2fsprogs",
    "mkfs.vfat": "dosfstools",
    "mkfs.xfs": "xfsprogs",
    "mount.exfat-fuse": "exfat-fuse",
}
"""Where programs come from."""

Mounted = Callable[[str], Path]


def call(*words: str | Path) -> None:
    """Run a program; what the kernel refuses skips the test, with what it says."""
    program = str(words[0])
    if program in PACKAGES and tools.install({program: PACKAGES[program]}):
        pytest.fail(f"{program} is not there, and {PACKAGES[program]} could not be installed")
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines() or ["no reason given"]
        pytest.skip(f"{program}: {said[0]}")


def image(root: Path, *make: str, size: int = 320 * MIB) -> Path:
    path = root / "image"
    with path.open("wb") as file:
        file.truncate(size)
    call(*make, path)
    return path


def of_kernel(kind: str, *make: str) -> Callable[[Path, Path], None]:
    def mount(root: Path, at: Path) -> None:
        call("mount", "-t", kind, "-o", "loop", image(root, *make), at)

    return mount


def tmpfs(_root: Path, at: Path) -> None:
    call("mount", "-t", "tmpfs", "-o", "size=64m", "none", at)


def overlay(root: Path, at: Path) -> None:
    lower, upper, work = (root / name for name in ("lower", "upper", "work"))
    for path in (lower, upper, work):
        path.mkdir()
    options = f"lowerdir={lower},upperdir={upper},workdir={work}"
    call("mount", "-t", "overlay", "-o", options, "overlay", at)


def bindfs(root: Path, at: Path) -> None:
    (root / "source").mkdir()
    call("bindfs", root / "source", at)


def exfat_fuse(root: Path, at: Path) -> None:
    path = image(root, "mkfs.exfat")
    device = subprocess.run(
        ["losetup", "--find", "--show", path], capture_output=True, text=True, check=True
    ).stdout.strip()
    call("mount.exfat-fuse", device, at)


KINDS: dict[str, Callable[[Path, Path], None]] = {
    "tmpfs": tmpfs,
    "ext4": of_kernel("ext4", "mkfs.ext4", "-q"),
    "xfs": of_kernel("xfs", "mkfs.xfs", "-q"),
    "btrfs": of_kernel("btrfs", "mkfs.btrfs", "-q"),
    "vfat": of_kernel("vfat", "mkfs.vfat"),
    "exfat": of_kernel("exfat", "mkfs.exfat"),
    "overlay": overlay,
    "bindfs": bindfs,
    "exfat over FUSE": exfat_fuse,
}


@contextmanager
def mounted(kind: Callable[[Path, Path], None], root: Path, at: Path) -> Iterator[Path]:
    root.mkdir(parents=True, exist_ok=True)
    at.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        kind(root, at)
        stack.callback(unmount, at)
        yield at
    for device in loops(root / "image"):
        subprocess.run(["losetup", "--detach", device], check=False)


def unmount(at: Path) -> None:
    subprocess.run(["umount", "--lazy", at], check=False, capture_output=True)


def loops(path: Path) -> list[str]:
    said = subprocess.run(
        ["losetup", "--associated", path], capture_output=True, text=True, check=False
    )
    return [line.partition(":")[0] for line in said.stdout.splitlines()]


async def opened(root: Path) -> LocalArchive:
    archive = archive_on(root)
    archive.identity.expect(await archive.identity.read())
    await archive.prepare()
    if await archive.identity.read() is None:
        await archive.identity.write(IDENTITY)
    return archive


async def story(archive: LocalArchive) -> None:
    """Archive a recording, let it grow, and read all of it again."""
    async with archive.hold():
        mp4 = await put(archive, "recording.mp4", b"content" * MIB)
        assert await archive.publish(holding(mp4)) == FOLDER
        late = await put(archive, "late.vtt", b"WEBVTT\n")
        assert await archive.publish(holding(mp4, late, folder=FOLDER)) == FOLDER
        assert (await archive.verify(FOLDER)).ok
        assert [each async for some in archive.directories() for each in some] == [FOLDER]


def tried(root: Path) -> FileSystem:
    return try_file_system(ArchiveDisk(), ArchivePaths(root), ".")


@pytest.mark.parametrize("name", KINDS)
async def test_an_archive_on_it(tmp_path: Path, name: str) -> None:
    with mounted(KINDS[name], tmp_path / "made", tmp_path / "mount") as at:
        await story(await opened(at))
        found = tried(at)
        limits = list(limitations(found))
        assert all("permissions" in each for each in limits), limits
        assert (found.modes, found.links, found.case) == (not limits,) * 3


@pytest.mark.parametrize("name", KINDS)
async def test_it_as_a_volume_below_an_archive(tmp_path: Path, name: str) -> None:
    root = tmp_path / "archive"
    with mounted(KINDS[name], tmp_path / "made", root / "support"):
        archive = await opened(root)
        await story(archive)
        assert (root / ".reelkeep/volumes").exists()
    late = await put(archive, "third.vtt", b"WEBVTT\n")
    with pytest.raises(ArchiveAbsent, match="not mounted"):
        await archive.publish(holding(late))
    assert list((root / "support").iterdir()) == []


async def test_a_bind_mount_of_the_same_file_system_is_a_volume(tmp_path: Path) -> None:
    """As two volumes of a container that lie on one disk of its host."""
    root, other = tmp_path / "archive", tmp_path / "other"
    other.mkdir()

    def bind(_root: Path, at: Path) -> None:
        call("mount", "--bind", other, at)

    with mounted(bind, tmp_path / "made", root / "support"):
        await story(await opened(root))
        assert (other / "2026" / KEY / "recording.mp4").is_file()


async def test_a_disk_that_is_unmounted_under_a_daemon_is_not_written_to(tmp_path: Path) -> None:
    root = tmp_path / "mount"
    with mounted(tmpfs, tmp_path / "made", root):
        archive = await opened(root)
        mp4 = await put(archive, "recording.mp4", b"content")
    for _ in range(2):
        with pytest.raises(ArchiveAbsent):
            await put(archive, "late.vtt", b"WEBVTT\n")
        with pytest.raises(ArchiveAbsent):
            await archive.publish(holding(mp4))
        with pytest.raises(ArchiveAbsent):
            await archive.free()
        assert list(root.iterdir()) == []


async def test_a_part_under_way_when_the_disk_is_unmounted_is_not_stored(tmp_path: Path) -> None:
    root = tmp_path / "mount"
    with ExitStack() as stack:
        stack.enter_context(mounted(tmpfs, tmp_path / "made", root))
        archive = await opened(root)
        with pytest.raises(TransferError):
            await cut_off(archive, stack)
    assert list(root.iterdir()) == []


async def cut_off(archive: LocalArchive, disk: ExitStack) -> None:
    """Fetch a file whose disk is unmounted in the middle."""
    async with archive.part(download(size=3 * MIB)) as part:
        await part.begin(validator=None, total=3 * MIB, promises={})
        await part.write([b"a" * MIB, b"b" * MIB])
        disk.close()
        await part.write([b"c" * MIB])
        await part.keep()


async def test_a_killed_fuse_stops_everything_until_it_is_mounted_again(tmp_path: Path) -> None:
    source, at = tmp_path / "source", tmp_path / "mount"
    with fuse(source, at) as process:
        archive = await opened(at)
        mp4 = await put(archive, "recording.mp4", b"content")
        process.kill()
        process.wait()
        for _ in range(2):
            with pytest.raises(TransferError):
                await archive.publish(holding(mp4))
            with pytest.raises(TransferError):
                await archive.free()
    with fuse(source, at):
        assert await archive.publish(holding(mp4)) == FOLDER
        assert (await archive.verify(FOLDER)).ok


@contextmanager
def fuse(source: Path, at: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Mount a folder once more, by a process that can be killed."""
    assert not tools.install({"bindfs": PACKAGES["bindfs"]})
    for path in (source, at):
        path.mkdir(exist_ok=True)
    process = subprocess.Popen(["bindfs", "-f", source, at])
    try:
        for _ in range(1500):
            if at.is_mount():
                break
            with suppress(subprocess.TimeoutExpired):
                process.wait(0.02)
        yield process
    finally:
        subprocess.run(["umount", "--lazy", at], check=False)
        process.kill()
        process.wait()
