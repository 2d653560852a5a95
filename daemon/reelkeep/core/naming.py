r"""Turn untrusted text into names that are safe on Linux, macOS and Windows.

What happens to a character:

    letters, digits, marks, symbols, emoji    kept, in NFC
    any white space or blank                  one plain space
    < > : " / \ | ? *, controls, surrogates,
    private use, unassigned                   one `_` for a run of them
    bidi controls, zero-width and other
    invisible ones                            dropped (a joiner within an emoji is kept)

A name neither begins nor ends with a space, a dot or one of those `_`, and begins with neither
a hyphen (programs would read an option) nor a combining mark (it would alter the slash).
Device names of Windows get a leading `_`, which keeps both their spelling and their extension.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from typing import Final, NewType

SafeName = NewType("SafeName", str)
"""One path component that this module made; never empty, `.`, `..`, or hidden."""

NAME_BYTES: Final = 255
"""What ext4, APFS and (in UTF-16 units) NTFS allow for one name."""

RESERVED: Final = frozenset(
    {"recording.json", "sha256sums", "bagit.txt", "bag-info.txt"}
    | {"manifest-sha256.txt", "tagmanifest-sha256.txt"}
)
"""Names in a recording's folder that are ours, in lower case.

`core.manifest` says what they hold.
"""

STEM_BYTES = 200  # the same for every number, so that two long stems stay two
_FORBIDDEN = frozenset('<>:"/\\|?*')
_BLANK = frozenset("\u115f\u1160\u2800\u3164\uffa0")  # letters and symbols without ink
_UNSEEN = frozenset("\u034f\u17b4\u17b5\u180b\u180c\u180d\u180f")  # marks without ink
_JOINER = "\u200d"
_EMOJI = "\u2600-\u27bf\u2b05-\u2b55\U0001f000-\U0001faff"
# None of these composes with a mark, so that dropping a character never makes a joiner loose.
_LOOSE_JOINER = re.compile(f"(?<![{_EMOJI}\ufe0f]){_JOINER}|{_JOINER}(?![{_EMOJI}])")
_DEVICE = re.compile(
    r"(?:con|prn|aux|nul|clock\$|conin\$|conout\$|(?:com|lpt)[0-9\u00b9\u00b2\u00b3]) *(?:\.|$)",
    re.IGNORECASE,
)
_EXTENSION = re.compile(r"[a-z0-9]{1,10}")
_NUMBERED = re.compile(r"-[0-9]+$")


def safe_name(text: str, *, limit: int = NAME_BYTES, fallback: str = "untitled") -> SafeName:
    """Return `text` as a name of at most `limit` bytes of UTF-8; idempotent.

    `fallback` stands in where nothing of `text` is left; it is trusted, and may be empty for a
    caller who asks whether something is left.
    """
    name = _trim(_clean(text), limit)
    if _DEVICE.match(name):
        name = _trim("_" + name, limit)
    return SafeName(name.replace("/", "_") or shorten(fallback, limit))


def shorten(text: str, limit: int) -> str:
    """Return the longest beginning of `text` that fits in `limit` bytes of UTF-8.

    A base keeps its combining marks and an emoji its parts, or goes with them; only text that
    is one such cluster throughout is cut within it.
    """
    encoded = text.encode()
    if len(encoded) <= limit:
        return text
    end = whole = len(encoded[:limit].decode(errors="ignore"))
    while whole and (_attaches(text[whole]) or text[whole - 1] == _JOINER):
        whole -= 1
    return text[: whole or end].rstrip(_JOINER)


def key(provider: str, recording_id: str) -> str:
    """Return the digest that stands for this recording for ever: 16 lower-case hex digits.

    Both texts are framed by their lengths, so that no two pairs read alike.
    """
    digest = hashlib.sha256()
    for text in (provider, recording_id):
        encoded = text.encode(errors="surrogatepass")
        digest.update(b"%d:%b," % (len(encoded), encoded))
    return digest.hexdigest()[:16]


def file_name(stem: str, extension: str, *, number: int, marks_first: bool = True) -> SafeName:
    """Return `stem.ext` for number 1, `stem-2.ext` for number 2 and so on.

    `number` counts, from 1, the files of one recording for which `file_name(…, number=1)` is
    the same but for case; then no two files share a name. A stem that itself ends in a number
    always shows ours (`part-2-1.mp4`), lest it be taken for the second `part`. Callers
    who look whether a name is taken need no such mark, and turn `marks_first` off.

    Raises:
        ValueError: `number` is below 1.
    """
    if number < 1:
        raise ValueError(f"files are counted from 1, not {number}")
    ending = extension.lower()
    if not _EXTENSION.fullmatch(ending):
        ending = "bin"
    base = safe_name(stem, limit=STEM_BYTES, fallback="file")
    if f"{base}.{ending}".casefold() in RESERVED:
        base = SafeName(f"{base}-file")
    is_marked = number > 1 or (marks_first and _NUMBERED.search(base))
    shown = f"-{number}" if is_marked else ""
    return SafeName(f"{base}{shown}.{ending}")


def _clean(text: str) -> str:
    """Return `text` in NFC with "/" for each run of what no name may hold."""
    text = _LOOSE_JOINER.sub("", unicodedata.normalize("NFC", text))
    text = unicodedata.normalize("NFC", "".join(map(_stand_in, text)))
    return re.sub("/+", "/", re.sub(" +", " ", text))


def _stand_in(char: str) -> str:
    """Return what stands for `char`: itself, a space, "/" (not allowed here) or nothing."""
    category = unicodedata.category(char)
    if char.isspace() or char in _BLANK:
        return " "
    if char == _JOINER:
        return char  # the loose ones are gone
    if category == "Cf" or char in _UNSEEN:
        return ""
    newer_emoji = category == "Cn" and "\U0001f000" <= char <= "\U0001faff"
    if char in _FORBIDDEN or (category.startswith("C") and not newer_emoji):
        return "/"
    return char


def _trim(text: str, limit: int) -> str:
    edge = (i for i, char in enumerate(text) if char not in " .-/" and not _attaches(char))
    return shorten(text[next(edge, len(text)) :], limit).rstrip(" ./")


def _attaches(char: str) -> bool:
    """Whether `char` is drawn on or joined to the one before it."""
    skin_tone = "\U0001f3fb" <= char <= "\U0001f3ff"
    return skin_tone or char == _JOINER or unicodedata.category(char).startswith("M")
