"""Make values safe to log and to show: plain, and without secrets.

Two methods are combined: known secrets are masked in every form in which they are sent, and text
that looks like a secret is masked by patterns.
"""

from __future__ import annotations

import base64
import json
import math
import re
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from threading import Lock
from typing import TypeAlias, cast
from urllib.parse import quote, quote_plus

_HIDDEN = re.compile(
    "["
    "\x00-\x1f\x7f-\x9f"  # C0, DEL, C1: move the cursor, ring, start escape sequences
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # bidi controls: reorder the text
    "\u200b\u2028\u2029\u2060-\u2065\ufeff"  # break lines, or cannot be seen
    "\ud800-\udfff"  # lone surrogates: cannot be written at all
    "\U000e0000-\U000e007f"  # tags: smuggle unseen text
    "]"
)


def visible(text: str) -> str:
    r"""Return `text` with every control or invisible character written as an escape.

    A newline becomes the two characters `\n`, so a value never leaves its line. The joiners within
    emoji and scripts stay.
    """
    return _HIDDEN.sub(_escape, text)


def _escape(match: re.Match[str]) -> str:
    return match[0].encode("unicode_escape").decode("ascii")


def bounded(text: str, limit: int) -> str:
    """Return at most `limit` characters of `text`, marked if something was cut off."""
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


Plain: TypeAlias = "str | float | bool | list[Plain] | dict[str, Plain] | None"

_PLAIN = frozenset({str, int, bool})  # most values; no subclasses, whose text may differ
_MOST_ITEMS = 100
_DEEPEST = 4


def rfc3339(time: datetime) -> str:
    """Return `time` as RFC 3339 in UTC with microseconds; a time without a zone is taken as UTC."""
    aware = time if time.tzinfo else time.replace(tzinfo=UTC)
    return aware.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def plain(value: object, *, depth: int = 0) -> Plain:
    """Return `value` for JSON: times as RFC 3339, durations in seconds, unknown types as text.

    Containers are bounded in length and depth.
    """
    if type(value) in _PLAIN:
        return cast("str | int | bool", value)
    if depth < _DEEPEST and isinstance(value, Mapping):
        some = list(value.items())[:_MOST_ITEMS]
        return {_text(key): plain(inner, depth=depth + 1) for key, inner in some}
    if depth < _DEEPEST and isinstance(value, list | tuple | AbstractSet):
        return [plain(inner, depth=depth + 1) for inner in list(value)[:_MOST_ITEMS]]
    return _scalar(value.value if isinstance(value, Enum) else value)


def _scalar(value: object) -> str | float | bool | None:
    if isinstance(value, datetime):
        return rfc3339(value)
    if isinstance(value, timedelta):
        return value.total_seconds()
    if value is None or isinstance(value, bool | int | str):
        return value
    return value if isinstance(value, float) and math.isfinite(value) else _text(value)


def _text(value: object) -> str:
    try:
        return str(value)
    except Exception:  # noqa: BLE001 - a value that cannot be shown must not stop its bearer
        return f"<unprintable {type(value).__name__}>"


MASK = "***"

LONGEST_TEXT = 8_192
"""Characters of one value that are examined, so that patterns stay fast on hostile text."""

_SHORTEST_SECRET = 4  # masking shorter ones would make the log unreadable
_REMEMBERED = 64  # tokens learned at run time; older ones have expired

_NAMES = (
    r"(?:access|refresh|oauth|download|download_access|id|bearer)_?token|token|jwt|signature"
    r"|(?:client|api|sdk)_?secret|secret|api_?key|passw(?:or)?d|pass_?code|pwd|assertion"
    r"|play_passcode|x-amz-[a-z-]+|x-goog-[a-z-]+|key-pair-id|policy|zak|authorization|cookie"
)


@dataclass(frozen=True, slots=True)
class _Shape:
    """A pattern of secrets, used only for text that contains one of `heralds`."""

    heralds: tuple[str, ...]  #: In lower case.
    pattern: re.Pattern[str]
    mask: str


_SHAPES = (
    # URLs: without user, query and fragment
    _Shape(("://",), re.compile(r"://[^\s/?#'\"<>]*@"), f"://{MASK}@"),
    _Shape(("://",), re.compile(r"(://[^\s?#'\"<>]*)[?#][^\s'\"<>]*"), rf"\1?{MASK}"),
    # JSON web tokens
    _Shape(("eyj",), re.compile(r"(?<![\w-])eyJ[\w-]{6,}(?:\.[\w-]*){0,2}"), MASK),
    # the text after the name of an authentication scheme; prose ("a bearer token") may stay
    _Shape(
        ("oauth",),
        re.compile(r"(?i)\b(oauth)\s+(?:oauth_)?token\s*=\s*[^\s,;'\"]+"),
        rf"\1 {MASK}",
    ),
    _Shape(("bearer",), re.compile(r"(?i)\b(bearer)\s+(?!tokens?\b)[^\s,;'\"]+"), rf"\1 {MASK}"),
    _Shape(
        ("basic", "oauth"),
        re.compile(r"\b((?i:basic|oauth))\s+(?=[a-z]*[^a-z\s,;'\"]|\S{16})[\w.~+/=-]{6,}"),
        rf"\1 {MASK}",
    ),
    # name=value and "name": "value", also percent-encoded
    _Shape(
        ("=", "%3d"),
        re.compile(rf"(?i)(?<![a-z0-9])({_NAMES})(\s*=\s*|%3D)[^\s&,;'\"<>]+"),
        rf"\1\2{MASK}",
    ),
    _Shape(
        ("'", '"'),
        re.compile(rf"(?i)(['\"](?:{_NAMES})['\"]\s*:\s*)(['\"])[^'\"]*\2?"),
        rf"\1\2{MASK}\2",
    ),
)

_HERALD = re.compile("|".join(re.escape(h) for s in _SHAPES for h in s.heralds), re.IGNORECASE)


class Redactor:
    """Masks secrets in text. Safe to use from any thread."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._given = tuple(_forms(secrets))
        self._learned: deque[tuple[str, ...]] = deque(maxlen=_REMEMBERED)
        self._lock = Lock()
        self._known = _longest_first(self._given)

    def learn(self, secret: str) -> None:
        """Mask `secret` from now on; only the latest few dozen are kept."""
        forms = tuple(_forms([secret]))
        with self._lock:
            if forms and forms not in self._learned:
                self._learned.append(forms)
                learned = (form for one in self._learned for form in one)
                self._known = _longest_first((*self._given, *learned))

    def inherit(self, older: Redactor) -> None:
        """Also redact what `older` redacts: secrets that were valid a moment ago."""
        with self._lock:
            known = (*older._learned, older._given, *self._learned)
            self._learned = deque(dict.fromkeys(known), maxlen=_REMEMBERED)
            learned = (form for one in self._learned for form in one)
            self._known = _longest_first((*self._given, *learned))

    def clean(self, text: str) -> str:
        """Return `text` without secrets; far too long text is cut off."""
        known = self._known
        cut = len(text) > LONGEST_TEXT
        text = text[:LONGEST_TEXT]
        for form in known:
            if form in text:
                text = text.replace(form, MASK)
        if _HERALD.search(text):
            text = _without_shapes(text)
        # a known secret may cross the cut: the possible beginning of one is removed, too
        return text[: -len(known[0])] if cut and known else text

    def redact(self, value: object) -> object:
        """Return `value` with secrets removed from every text in it, keys included."""
        if isinstance(value, str):
            return self.clean(value)
        if isinstance(value, dict):
            return {self.redact(key): self.redact(inner) for key, inner in value.items()}
        if isinstance(value, list | tuple):
            return [self.redact(inner) for inner in value]
        return value


def _without_shapes(text: str) -> str:
    lower = text.lower()
    for shape in _SHAPES:
        if any(herald in lower for herald in shape.heralds):
            text = shape.pattern.sub(shape.mask, text)
    return text


def _longest_first(forms: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(set(forms), key=len, reverse=True))


def _forms(secrets: Iterable[str]) -> Iterator[str]:
    """Yield the ways in which each of `secrets` may be written."""
    for secret in secrets:
        if len(secret.strip()) < _SHORTEST_SECRET:
            continue
        yield from (secret, secret.strip(), quote(secret, safe=""), quote(secret))
        yield from (quote_plus(secret), json.dumps(secret)[1:-1], repr(secret)[1:-1])
        yield from _base64(secret.encode("utf-8", "surrogatepass"))


def _base64(secret: bytes) -> Iterator[str]:
    """Yield the base64 forms of `secret` within a longer text (`id:secret`).

    Three bytes make four characters: only characters that depend on the secret alone are used.
    """
    for before in range(3):
        first = -(-before * 4 // 3)
        last = (before + len(secret)) * 8 // 6
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            core = encode(b"\0" * before + secret).decode("ascii")[first:last]
            if len(core) >= 2 * _SHORTEST_SECRET:
                yield core
