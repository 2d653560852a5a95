"""Let in who has the token: by a session, a bearer token, a link or the form."""

from __future__ import annotations

from typing import Final
from urllib.parse import quote, urlencode

import anyio
from aiohttp import web

from reelkeep.page import views
from reelkeep.page.access import (
    MOST_DELAYED,
    SESSION_SECONDS,
    Access,
    Delays,
    is_of_this_host,
    is_own_origin,
)
from reelkeep.page.responses import Refusal, Renderer, form_of, redirect
from reelkeep.ports import Report

COOKIE: Final = "reelkeep"


class Visit:
    """One request of somebody who may use the page."""

    def __init__(self, request: web.BaseRequest, path: str, cookie: str) -> None:
        self.request = request
        self.path = path  #: Below the base path, without a slash at its beginning.
        self.cookie = cookie  #: '' if a bearer token was sent.

    def asked(self, *names: str) -> views.Asked:
        """Return these fields of the query, cut to a sensible length."""
        query = self.request.query
        return views.Asked({name: query.get(name, "")[:300] for name in names})


class Gate:
    """Decides about each request, and counts wrong tokens."""

    def __init__(
        self, access: Access, render: Renderer, report: Report, *, base: str, loopback: bool
    ) -> None:
        self._access = access
        self._render = render
        self._report = report
        self._base = base
        self._loopback = loopback
        self._delays = Delays()
        self._delayed = 0

    def require_known_host(self, request: web.BaseRequest) -> None:
        """Refuse a request for another name than this machine's, where it alone may ask."""
        if self._loopback and not is_of_this_host(request.headers.get("Host", "")):
            raise Refusal(421, "This name does not stand for this machine; ask for localhost.")

    async def admit(self, request: web.BaseRequest, path: str) -> Visit | web.StreamResponse:
        """Return the visit of somebody who may use the page, or what everybody else is told."""
        cookie = request.cookies.get(COOKIE, "")
        if cookie and self._access.is_session(cookie):
            if "token" in request.query:
                return redirect(self._without_token(request, path))
            return Visit(request, path, cookie)
        scheme, _, bearer = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            await self._require_token(request, bearer.strip())
            return Visit(request, path, "")
        if "token" in request.query and request.method in ("GET", "HEAD"):
            await self._require_token(request, request.query["token"])
            return self._signed_in(request, self._without_token(request, path))
        if request.method == "GET" and "text/html" in request.headers.get("Accept", ""):
            return redirect(f"{self._base}sign-in")
        raise Refusal(401, "Sign in, or send the token as `Authorization: Bearer`.")

    async def _require_token(self, request: web.BaseRequest, text: str) -> None:
        address = request.remote or "unix"
        if self._access.is_token(text):
            self._delays.right(address)
            return
        count, seconds = self._delays.wrong(address)
        if count & (count - 1) == 0:  # the first, second, fourth, eighth …: a log is finite
            self._report("page.refused", address=address, attempts=count)
        if self._delayed >= MOST_DELAYED:
            raise Refusal(429, "There were too many wrong tokens; try again in a few seconds.")
        self._delayed += 1
        try:
            await anyio.sleep(seconds)
        finally:
            self._delayed -= 1
        raise Refusal(401, "This is not the token.")

    async def sign_in(self, request: web.BaseRequest) -> web.StreamResponse:
        """Show the form, or answer it."""
        if request.method != "POST":
            if self._access.is_session(request.cookies.get(COOKIE, "")):
                return redirect(self._base)
            return self._render.page("sign_in.html", "Sign in", wrong="")
        self.require_own_origin(request)
        form = await form_of(request)
        try:
            await self._require_token(request, form["token"])
        except Refusal as refusal:
            page = self._render.page("sign_in.html", "Sign in", wrong=str(refusal))
            page.set_status(refusal.status)
            return page
        return self._signed_in(request, self._base)

    def _signed_in(self, request: web.BaseRequest, to: str) -> web.StreamResponse:
        response = redirect(to)
        secure = request.secure or request.headers.get("X-Forwarded-Proto", "") == "https"
        response.set_cookie(
            COOKIE, self._access.new_session(), max_age=SESSION_SECONDS, path=self._base,
            httponly=True, samesite="Strict", secure=secure,
        )  # fmt: skip
        return response

    def _without_token(self, request: web.BaseRequest, path: str) -> str:
        rest = [(key, value) for key, value in request.query.items() if key != "token"]
        return f"{self._base}{quote(path)}{'?' if rest else ''}{urlencode(rest)}"

    def require_own_origin(self, request: web.BaseRequest) -> None:
        """Refuse a form that another site has made."""
        headers = request.headers
        if not is_own_origin(
            origin=headers.get("Origin"),
            fetch_site=headers.get("Sec-Fetch-Site"),
            host=headers.get("Host", ""),
        ):
            raise Refusal(403, "A form is answered only if this page sent it.")
