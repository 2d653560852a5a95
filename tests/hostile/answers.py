"""Hosts that give something else instead of the file, or send us elsewhere."""

from __future__ import annotations

from fakes.shelf import media
from hostile.case import BODY, HTML, Case, always, failing, keeping
from hosts import answering, chain, http_date, raw

ERROR = b'{"status":false,"errorCode":401,"errorMessage":"Forbidden","result":null}'
DAMAGED = BODY[:30] + bytes(len(BODY) - 30)

ANSWERS = {
    "rule-15-gzip": failing(always(Content_Encoding="gzip"), "encoded"),
    "rule-15-gzip-on-the-second-line": failing(
        always(Content_Encoding="identity", lines=b"Content-Encoding: gzip\r\n"), "encoded"
    ),
    "rule-15-br": failing(always(Content_Encoding="identity, br"), "encoded"),
    "smaller": failing(answering(200, media(40_000)), "size_mismatch"),
    "larger": failing(answering(200, media(60_000)), "size_mismatch"),
    "damaged": Case(answering(200, DAMAGED), lasting=False),  # twice it is the file
    "rule-41-other-digest": failing(
        answering(200, BODY, Content_MD5="AAAAAAAAAAAAAAAAAAAAAA=="), "digest_mismatch"
    ),
    "rule-41-other-crc": failing(
        answering(200, BODY, x_goog_hash="crc32c=AAAAAA=="), "digest_mismatch"
    ),
    "bug-33-large-html": failing(answering(200, HTML.ljust(14_000)), "not_media"),
}  # fmt: skip

REFUSALS = keeping({
    **{
        f"rule-50-{status}": failing(answering(status), "protocol")
        for status in (204, 205, 300, 304)
    },
    "bug-33-html": failing(answering(200, HTML, Content_Type="text/html"), "not_media"),
    "bug-33-json": failing(answering(200, ERROR, Content_Type="application/json"), "not_media"),
    "bug-33-octets-that-are-html": failing(answering(200, HTML), "not_media"),
    "empty": failing(answering(200, b""), "not_media"),
    **{
        f"rule-50-{status}": failing(answering(status), "refused", once="refused")
        for status in (405, 406, 414, 451, 501, 505)
    },
    **{  # may pass: asked again a few times
        f"rule-50-{status}": failing(answering(status), "refused")
        for status in (400, 409, 421, 423, 425, 499)
    },
    **{
        f"rule-50-{status}": failing(answering(status), "unreachable")
        for status in (408, 500, 502, 504)
    },
    "rule-23-401": failing(answering(401), "auth"),
    "rule-23-403": failing(answering(403), "auth"),
    "404": failing(answering(404), "not_found"),
    "410": failing(answering(410), "expired"),
    "rule-51-429": failing(answering(429, Retry_After="0"), "throttled"),
    "rule-51-429-date": failing(answering(429, Retry_After=http_date(-5)), "throttled"),
    "rule-51-503": failing(answering(503, Retry_After="0"), "throttled"),
    "rule-51-503-date": failing(answering(503, Retry_After=http_date(-5)), "throttled"),
})  # fmt: skip

REDIRECTS = keeping({
    "rule-20-ten-hops": Case(chain(10), requests=40),
    "rule-20-eleven-hops": failing(chain(11), "refused", once="stored", requests=40),
    "rule-20-circle": failing(
        answering(302, Location="/rec/secret-path?token=secret"), "refused", once="stored"
    ),
    "rule-20-nowhere": failing(answering(302), "protocol"),
    "rule-20-empty": failing(answering(302, Location=""), "protocol"),
    "rule-20-two-ways": failing(
        raw(b"HTTP/1.1 302 Found\r\nLocation: /a\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n"),
        "protocol",
    ),
    "rule-20-to-a-private-host": failing(
        answering(302, Location="https://10.0.0.1/secret"), "refused", once="refused"
    ),
    "rule-20-to-plain-http": failing(
        answering(302, Location="http://127.0.0.1:1/secret"), "refused unreachable",
        once="refused stored",
    ),
    "rule-20-to-another-scheme": failing(
        answering(302, Location="ftp://localhost/secret"), "refused", once="refused"
    ),
    "rule-20-with-a-password": failing(
        answering(302, Location="https://a:secret@localhost/"), "refused", once="refused"
    ),
})  # fmt: skip
