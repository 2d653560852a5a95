"""Zoom cloud recordings: of meetings, and of the Video SDK's sessions.

What builds an adapter is imported when one is built: to read a configuration takes less.
"""

from __future__ import annotations

from reelkeep.ports import Provider, Tools
from reelkeep.providers.adapter import Adapter
from reelkeep.providers.zoom.options import VideoSdkOptions, ZoomOptions


def _meetings(options: ZoomOptions, tools: Tools) -> Provider:
    from reelkeep.providers.zoom.provider import meetings

    return meetings(options, tools)


def _videosdk(options: VideoSdkOptions, tools: Tools) -> Provider:
    from reelkeep.providers.zoom.provider import sessions

    return sessions(options, tools)


MEETINGS = Adapter("zoom", ZoomOptions, _meetings)
VIDEOSDK = Adapter("zoom-videosdk", VideoSdkOptions, _videosdk)
