"""Several entries of `/urls` for one recording."""

from __future__ import annotations

from fakes.goto import link, options
from reelkeep.core.model import Recording
from reelkeep.providers.gotoassist.discovery import addresses, described
from reelkeep.providers.gotoassist.replies import Links, read_links


def links_of(*sizes: str) -> Links:
    urls = [f"https://host.example.test/{size}.mp4" for size in sizes]
    entries = [
        link(1, recordingUrl=url, recordingSize=size) for url, size in zip(urls, sizes, strict=True)
    ]
    (links,) = read_links(entries).values()
    return links


def test_two_videos_of_one_recording_are_two_files_each_with_its_address() -> None:
    links = links_of("5", "6")
    found = described(Recording(id=links.id), links, options())
    videos = {file.id: file.size for file in found.files if file.file_type == "MP4"}
    assert set(videos.values()) == {5, 6}
    assert len(found.files) == 4  # both entries have the same events and thumbnail
    known = addresses(links)
    for id_, size in videos.items():
        assert known[id_] == f"https://host.example.test/{size}.mp4"


def test_their_ids_depend_on_no_order() -> None:
    assert dict(addresses(links_of("5", "6"))) == dict(addresses(links_of("6", "5")))


def test_a_single_entry_has_the_ids_that_it_always_had() -> None:
    assert set(addresses(links_of("5"))) == {"mp4", "events", "thumbnail"}
