"""Make answers: pages from templates, static files, redirections, refusals."""

from __future__ import annotations

from hashlib import sha256
from importlib.resources import files as package_files
from typing import Any, Final
from urllib.parse import parse_qsl

from aiohttp import web
from jinja2 import Environment, PackageLoader, StrictUndefined

from reelkeep.core.quantities import duration, size
from reelkeep.page import views
from reelkeep.page.access import PROTECTION

PAGES: Final = (
    ("", "Overview"),
    ("coverage", "Coverage"),
    ("recordings", "Recordings"),
    ("failures", "Failures"),
    ("log", "Log"),
)

LEAST_COMPRESSED: Final = 4 * 1024
"""Bytes of a page that is worth compressing."""

LONGEST_FORM: Final = 8 * 1024
"""Bytes of a form."""

_STATIC: Final = {
    "page.css": "text/css; charset=utf-8",
    "page.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}


class Refusal(Exception):
    """The request is answered with a status and a sentence."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Renderer:
    """Makes pages from the templates, and knows the static files beside them."""

    def __init__(self, base: str) -> None:
        self._static = {name: _static(name) for name in _STATIC}
        stamp = sha256(b"".join(body for body, _ in self._static.values())).hexdigest()[:12]
        self._templates = Environment(
            loader=PackageLoader("reelkeep.page"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.globals.update(base=base, version=stamp, pages=PAGES)
        self._templates.filters.update(
            size=size,
            when=views.when,
            span=lambda value: duration(value.total_seconds()),
            count="{:,}".format,
        )

    def page(
        self, template: str, title: str, *, form_token: str | None = None, **values: Any
    ) -> web.Response:
        """Return a page; without `form_token` it is one for people who have not signed in."""
        made = self._templates.get_template(template)
        text = made.render(title=title, form_token=form_token, **values)
        return web.Response(text=text, content_type="text/html", charset="utf-8")

    def message(self, status: int, message: str) -> web.Response:
        """Return a page that says one sentence."""
        title = "Not found" if status == 404 else "Not possible"
        response = self.page("message.html", title, message=message)
        response.set_status(status)
        if status == 401:
            response.headers["WWW-Authenticate"] = "Bearer"
        if status in (429, 503):
            response.headers["Retry-After"] = "5"
        return response

    def static(self, request: web.BaseRequest, name: str) -> web.Response:
        """Return a static file, or 304 if the browser has it already."""
        if name not in self._static:
            raise Refusal(404, "There is no such file.")
        body, etag = self._static[name]
        headers = {"ETag": etag, "Cache-Control": "public, max-age=86400"}
        if etag in request.headers.get("If-None-Match", ""):
            return web.Response(status=304, headers=headers)
        response = web.Response(body=body, headers={**headers, "Content-Type": _STATIC[name]})
        response.enable_compression()
        return response


def protect(response: web.StreamResponse) -> None:
    """Set the headers that keep a browser from doing what nobody meant it to."""
    for name, value in {**PROTECTION, "Cache-Control": "no-store"}.items():
        response.headers.setdefault(name, value)


def _static(name: str) -> tuple[bytes, str]:
    """Return a static file and its ETag."""
    body = (package_files("reelkeep.page") / "static" / name).read_bytes()
    return body, f'"{sha256(body).hexdigest()[:32]}"'


def redirect(to: str) -> web.Response:
    """Return what sends a browser to another page."""
    return web.Response(status=303, headers={"Location": to})


def unless_known(request: web.BaseRequest, response: web.Response) -> web.Response:
    """Return `response` with its ETag, or 304 if the browser has the same already."""
    body = response.body if isinstance(response.body, bytes) else b""
    etag = f'"{sha256(body).hexdigest()[:32]}"'
    if etag in request.headers.get("If-None-Match", ""):
        return web.Response(status=304, headers={"ETag": etag})
    response.headers["ETag"] = etag
    if len(body) > LEAST_COMPRESSED:
        response.enable_compression()
    return response


async def form_of(request: web.BaseRequest) -> views.Asked:
    """Return the fields of a form that was sent."""
    body = b""
    async for piece in request.content.iter_any():
        body += piece
        if len(body) > LONGEST_FORM:
            raise Refusal(413, "This form is too long.")
    fields = parse_qsl(body.decode(errors="replace"), keep_blank_values=True, max_num_fields=20)
    return views.Asked(fields)
