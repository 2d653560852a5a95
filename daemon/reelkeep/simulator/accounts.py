"""The made-up accounts that the simulated providers know; nothing in here opens a real door."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class GotoAccount:
    """GoToAssist Remote Support."""

    client_id: str = "goto-client-0001"
    client_secret: str = "goto-secret-0001"  # noqa: S105 - made up
    refresh_token: str = "rt-0001"  # noqa: S105 - made up; the first one
    personal_token: str = "pat-0001"  # noqa: S105 - made up; never expires
    account_key: int = 400_000_000_000_001
    user_key: int = 300_000_000_000_001
    company_id: int = 51_001


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoomAccount:
    """Zoom, server-to-server."""

    account_id: str = "acct-0001"
    client_id: str = "zoom-client-0001"
    client_secret: str = "zoom-secret-0001"  # noqa: S105 - made up


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoSdkAccount:
    """Zoom Video SDK."""

    api_key: str = "vsdk-api-key-0001"
    api_secret: str = "vsdk-api-secret-0001"  # noqa: S105 - made up


@dataclass(frozen=True, slots=True, kw_only=True)
class Accounts:
    """All of them."""

    goto: GotoAccount = GotoAccount()
    zoom: ZoomAccount = ZoomAccount()
    videosdk: VideoSdkAccount = VideoSdkAccount()
