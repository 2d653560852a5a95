"""Hosts that frame their replies badly, or say other things before they do so well."""

from __future__ import annotations

from hostile.case import BODY, HTML, Case, always, failing, keeping, line
from hosts import LAST, after, both_framings, chunk, framed, raw
from servers import Wire

OK = b"HTTP/1.1 200 OK\r\n"


def pieces(body: bytes, **first: str) -> bytes:
    half = len(body) // 2
    return chunk(body[:half], **first) + chunk(body[half:])


LENGTHS = {
    "length-short": failing(always(Content_Length="{less}"), "protocol size_mismatch"),
    "length-long": failing(always(Content_Length="{longer}"), "unreachable protocol"),
    "rule-19-negative": failing(line("Content-Length: -5"), "protocol"),
    "rule-19-plus": failing(line("Content-Length: +{rest}"), "protocol"),
    "rule-19-blank-within": failing(line("Content-Length: 5 0"), "protocol"),
    "rule-19-blank-before-colon": failing(line("Content-Length : {rest}"), "protocol"),
    "rule-19-list": failing(line("Content-Length: {rest}, {rest}"), "protocol"),
    "rule-19-hex": failing(line("Content-Length: 0xc350"), "protocol"),
    "rule-19-word": failing(line("Content-Length: many"), "protocol"),
    "rule-19-empty": failing(line("Content-Length:"), "protocol"),
    "rule-19-endless": failing(line("Content-Length: " + "9" * 30), "protocol"),
    "rule-19-large": failing(line("Content-Length: 999999999999999999"), "unreachable protocol"),
    "length-folded": Case(line("Content-Length:\r\n {rest}")),
    "rule-19-two": failing(line("Content-Length: {rest}\r\nContent-Length: 6"), "protocol"),
    "rule-19-two-alike": failing(
        line("Content-Length: {rest}\r\nContent-Length: {rest}"), "protocol"
    ),
    "bug-19-length-and-chunked": failing(both_framings, "protocol"),
    "bug-19-chunked-and-length": failing(
        raw(OK + b"Transfer-Encoding: chunked\r\nContent-Length: 50000\r\n\r\n" + chunk(BODY)),
        "protocol",
    ),
    "coding-identity": failing(always(Transfer_Encoding="identity"), "protocol"),
    "coding-gzip": failing(raw(OK + b"Transfer-Encoding: gzip\r\n\r\n" + BODY), "protocol"),
    "coding-gzip-chunked": failing(
        raw(OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n" + chunk(BODY) + LAST), "protocol"
    ),
    "coding-on-two-lines": failing(
        raw(
            OK + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: gzip\r\n\r\n"
            + chunk(BODY) + LAST
        ),
        "protocol",
    ),
    "coding-chunked-twice": failing(
        raw(OK + b"Transfer-Encoding: chunked, chunked\r\n\r\n" + chunk(BODY) + LAST), "protocol"
    ),
}  # fmt: skip


CHUNKS = {
    "chunked": Case(framed(lambda body: pieces(body) + LAST)),
    "chunk-extensions": Case(
        framed(lambda body: pieces(body, extension=';name="a;b";x') + b"0;last\r\n\r\n")
    ),
    "chunk-trailers": Case(
        framed(lambda body: pieces(body) + b"0\r\nETag: x\r\nServer-Timing: y\r\n\r\n")
    ),
    "chunk-trailer-of-a-length": failing(  # to be ignored (RFC 9110 section 6.5.1), or refused
        framed(lambda body: pieces(body) + b"0\r\nContent-Length: 5\r\n\r\n"), "protocol stored"
    ),
    "chunk-size-noughts": Case(framed(lambda body: chunk(body, size=f"00{len(body):X}") + LAST)),
    "chunk-size-too-large": Case(
        framed(lambda body: chunk(body, size="fffff") + LAST, end=Wire.close),
        fresh="size_mismatch", resumed="protocol size_mismatch",
    ),
    "chunk-size-too-small": failing(
        framed(lambda body: chunk(body, size="10") + LAST, end=Wire.close), "protocol"
    ),
    "chunk-size-no-number": failing(
        framed(lambda body: chunk(body, size="zz") + LAST, end=Wire.close), "protocol"
    ),
    "chunk-size-negative": failing(
        framed(lambda body: chunk(body, size="-5") + LAST, end=Wire.close), "protocol"
    ),
    "chunk-size-prefixed": failing(
        framed(lambda body: chunk(body, size="0x10") + LAST, end=Wire.close), "protocol"
    ),
    "chunk-size-endless": failing(
        framed(lambda body: chunk(body, size="f" * 40) + LAST, end=Wire.close), "protocol"
    ),
    "chunk-size-wrong-at-last": failing(
        framed(lambda body: pieces(body) + chunk(b"x", size="zz"), end=Wire.hang), "protocol"
    ),
    "chunks-without-end": Case(framed(pieces, end=Wire.close)),
    "chunks-without-end-that-hang": Case(framed(pieces, end=Wire.hang), stalls=True),
    "bug-15-chunks-that-end-early": failing(
        framed(lambda body: chunk(body[:-1]) + LAST), "size_mismatch protocol unreachable"
    ),
    "rule-19-one-byte-more": failing(
        framed(lambda body: chunk(body + b"!") + LAST), "size_mismatch protocol"
    ),
}  # fmt: skip


NONSENSE = keeping({
    "no-http": failing(raw(b"SSH-2.0-secret\r\n\r\n"), "protocol"),
    "page-without-a-head": failing(raw(HTML), "protocol"),
    "alert-of-tls": failing(raw(b"\x15\x03\x01\x00\x02\x02\x28"), "protocol"),
    "nothing-but-newlines": failing(raw(b"\r\n" * 100), "protocol unreachable"),
    "http-2": failing(
        raw(b"HTTP/2 200\r\ncontent-length: 5\r\n\r\nhello"), "protocol not_media"
    ),
    "status-low": failing(raw(b"HTTP/1.1 99 Low\r\nContent-Length: 0\r\n\r\n"), "protocol"),
    "status-high": failing(raw(b"HTTP/1.1 1000 X\r\nContent-Length: 0\r\n\r\n"), "protocol"),
    "switching": failing(
        raw(b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"), "protocol"
    ),
    "bare-newlines": failing(
        raw(b"HTTP/1.1 200 OK\nContent-Length: 5\n\nhello"), "protocol not_media"
    ),
    "cut-in-the-head": failing(raw(OK + b"Content-"), "unreachable protocol"),
})  # fmt: skip

HEADS = {
    "body-without-a-head": failing(raw(BODY), "protocol"),
    "continue-first": Case(after(b"HTTP/1.1 100 Continue\r\n\r\n")),
    "hints-first": Case(
        after(
            b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n",
            b"HTTP/1.1 102 Processing\r\n\r\n" * 5,
        )
    ),
    "nothing-but-continue": failing(
        raw(*[b"HTTP/1.1 100 Continue\r\n\r\n"] * 60, end=Wire.hang), "stalled", stalls=True
    ),
    "header-huge": Case(line("X: " + "a" * 9000)),
    "headers-many": Case(line("\r\n".join(f"X-{n}: a" for n in range(200)))),
    "headers-too-many": failing(line("\r\n".join(f"X-{n}: a" for n in range(300))), "protocol"),
    "header-folded": Case(line("X: a\r\n b")),
    "header-with-nul": failing(line("X: a\0b"), "protocol"),
    "header-with-cr": failing(line("X: a\rb"), "protocol"),
    "header-without-colon": failing(line("No colon"), "protocol"),
    "header-without-name": failing(line(": x"), "protocol"),
    "header-with-a-blank-in-its-name": failing(line("X Y: x"), "protocol"),
    "header-that-is-no-ascii": Case(line("X-Title: \xc3\xa9\xff")),
}  # fmt: skip
