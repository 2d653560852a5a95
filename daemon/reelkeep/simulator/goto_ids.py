"""Read recording ids out of a request, in every form that its documentation may mean (G6)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, slots=True)
class Ids:
    """Ids as sent, and how."""

    form: str  #: csv, repeat, literal or single; path or body
    texts: tuple[str, ...]
    names: frozenset[str] = frozenset()  #: Of the query pairs that held them.

    def allowed(self, form: str | None, name: str | None = None) -> bool:
        """Tell whether a strict host takes this; None allows anything."""
        forms = {"csv", "repeat"} if self.form == "single" else {self.form}
        right_name = name is None or self.names == {name}
        return (form is None or form in forms) and right_name and len(self.names) < 2

    def numbers(self) -> list[int]:
        """Return them as numbers.

        Raises:
            ValueError: there are none, or something else is among them.
        """
        if not self.texts or not all(text.isascii() and text.isdigit() for text in self.texts):
            raise ValueError("recordingIds missing or invalid")
        return [int(text) for text in self.texts]


def of_query(action: str, pairs: Iterable[tuple[str, str]]) -> Ids:
    """Read `urls?ids=1,2`, `urls?ids=1&ids=2` or, as documented to the letter, `urls&ids=1`.

    `action` is the last part of the path; `pairs` are those of the real query. A single id
    looks alike in the first two forms.
    """
    literal = [text.partition("=") for text in action.split("&")[1:]]
    found = [(name, unquote(value)) for name, _, value in literal] or list(pairs)
    form = "literal" if literal else "repeat" if len(found) > 1 else "csv"
    texts = tuple(text for _, value in found for text in value.split(","))
    if form == "csv" and len(texts) == 1:
        form = "single"
    return Ids(form, texts, frozenset(name for name, _ in found))


def of_path_or_body(tail: str, body: Any) -> Ids:
    """Read `/archived/1,2`, or a body of `{"recordingIds": [1, 2]}` or of the bare list."""
    if tail:
        return Ids("path", tuple(unquote(tail).split(",")))
    ids = body.get("recordingIds") if isinstance(body, dict) else body
    return Ids("body", tuple(str(one) for one in ids) if isinstance(ids, list) else ())
