"""Hosts that break, and hosts that are not up to going on where they broke."""

from __future__ import annotations

from datetime import timedelta

from hostile.case import BODY, HELD, HTML, Case, failing, keeping
from hosts import (
    another_tag,
    answering,
    breaking,
    changed,
    dripping,
    ending,
    good,
    ignoring,
    overlong,
    raw,
    shorter,
    slice_with_200,
    unasked,
)
from servers import Wire

RANGES = {
    "good": Case(good),
    "bug-1-200-always": Case(ignoring),
    "rule-11-200-with-content-range": Case(slice_with_200),
    "rule-8-one-before": Case(changed(Content_Range="bytes {before}-{end}/{size}")),
    "rule-8-one-after": Case(changed(Content_Range="bytes {after}-{end}/{size}")),
    "bug-4-shifted": Case(changed(Content_Range="bytes {before}-{stop}/{size}", body=BODY[1:])),
    "rule-8-long": Case(overlong),
    "rule-8-beyond-the-end": Case(changed(Content_Range="bytes {start}-{last}/{size}")),
    "rule-8-other-total": Case(changed(Content_Range="bytes {start}-{end}/{more}")),
    "rule-8-no-total": Case(changed(Content_Range="bytes {start}-{end}/*")),
    "rule-8-no-bytes": Case(changed(Content_Range="bytes */{size}")),
    "rule-8-backwards": Case(changed(Content_Range="bytes {end}-{start}/{size}")),
    "rule-8-without-range": Case(changed(Content_Range="")),
    "rule-8-other-unit": Case(changed(Content_Range="items {start}-{end}/{size}")),
    "rule-8-two-ranges": Case(changed(lines=b"Content-Range: bytes 0-9/50000\r\n")),
    "rule-8-length-shorter": Case(changed(Content_Length="{less}")),
    "rule-8-length-longer": Case(changed(Content_Length="{longer}")),
    "rule-12-multipart": Case(changed(Content_Type="multipart/byteranges; boundary=b")),
    "bug-36-gzip": Case(changed(Content_Encoding="gzip")),
    "rule-18-html": Case(
        changed(Content_Type="text/html", body=HTML), resumed="protocol not_media stored"
    ),
    "206-unasked": Case(unasked, fresh="protocol"),
    "bug-7-416-smaller": Case(
        answering(416, HTML * 200, ranged_only=True, Content_Range="bytes */9")
    ),
    "bug-7-416-larger": Case(
        answering(416, HTML * 200, ranged_only=True, Content_Range="bytes */90000")
    ),
    "bug-7-416-equal": Case(
        answering(416, HTML, ranged_only=True, Content_Range=f"bytes */{HELD}")
    ),
    "bug-6-416-bare": Case(answering(416, HTML * 200, ranged_only=True)),
    "bug-6-416-empty": Case(answering(416, b"", ranged_only=True)),
    "rule-15-416-gzip": Case(
        answering(416, b"\x1f\x8b", ranged_only=True, Content_Encoding="gzip")
    ),
    "416-always": failing(answering(416, HTML), "protocol"),
}  # fmt: skip

ENDS = {
    "closed": Wire.close, "reset": Wire.reset, "truncated": Wire.truncate, "garbled": Wire.garble,
}  # fmt: skip

BREAKS = keeping({
    **{f"{name}-at-once": failing(raw(end=end), "unreachable") for name, end in ENDS.items()},
    **{
        f"{name}-after-the-head": failing(breaking(end, at=0), "unreachable")
        for name, end in ENDS.items()
    },
    **{
        f"{name}-in-the-beginning": Case(
            breaking(end, at=511), fresh="unreachable", lasting=end is Wire.close, requests=60
        )
        for name, end in ENDS.items()
    },
    **{f"{name}-in-the-middle": Case(breaking(end)) for name, end in ENDS.items()},
    **{
        f"{name}-before-the-last-byte": Case(breaking(end, at=len(BODY) - 1))
        for name, end in ENDS.items()
    },
    **{f"whole-and-{name}": Case(ending(end)) for name, end in ENDS.items()},
    "bug-27-whole-and-hangs": Case(ending(Wire.hang)),
    "stall-before-head": failing(raw(end=Wire.hang), "stalled", stalls=True),
    "stall-after-the-head": failing(breaking(Wire.hang, at=0), "stalled", stalls=True),
    "rule-54-stall": Case(breaking(Wire.hang), stalls=True),
    "rule-54-drip": Case(dripping, lasting=False, stalls=True),
    "http-1.0": Case(breaking(Wire.close, framing="close", at=1 << 20)),
    "http-1.0-slow-farewell": Case(breaking(Wire.linger, framing="close", at=1 << 20)),
    "http-1.0-no-farewell": Case(breaking(Wire.truncate, framing="close", at=1 << 20)),
    "http-1.0-reset": Case(breaking(Wire.reset, framing="close")),
    "rule-9-short": Case(shorter(4000)),
    "rule-9-crumb": Case(shorter(1), lasting=False),
    "chunked-cut": Case(breaking(Wire.close, framing="chunked")),
    "chunked-reset": Case(breaking(Wire.reset, framing="chunked")),
})  # fmt: skip

ENDLESS = {
    "rule-17-http-1.0-cut": Case(breaking(Wire.close, framing="close"), fresh="size_mismatch"),
    "rule-17-http-1.0-truncated": Case(
        breaking(Wire.truncate, framing="close"), fresh="size_mismatch stored"
    ),
}  # fmt: skip

VALIDATORS = {
    "rule-4-weak-tag": Case(good, etag='W/"v1"'),
    "rule-4-no-tag": Case(good, etag=None),
    "rule-3-date": Case(good, etag=None, modified=timedelta(hours=1)),
    "rule-3-young-date": Case(good, etag=None, modified=timedelta(milliseconds=900)),
    "rule-3-date-of-tomorrow": Case(good, etag=None, modified=-timedelta(days=1)),
    "rule-3-tag-that-is-no-ascii": Case(good, etag='"vé"'),
    "rule-3-tag-without-quotes": Case(good, etag="v1"),
    "rule-6-tag-changes": Case(another_tag),
    "rule-6-tag-vanishes": Case(changed(ETag="")),
    "rule-6-tag-weakens": Case(changed(ETag='W/"v1"')),
    "rule-6-two-tags": Case(changed(lines=b'ETag: "v2"\r\n')),
}
