"""Zoom cloud recordings: of meetings, and of the Video SDK's sessions."""

from __future__ import annotations

from reelkeep.providers.adapter import Adapter
from reelkeep.providers.zoom import meetings, videosdk
from reelkeep.providers.zoom.options import VideoSdkOptions, ZoomOptions

MEETINGS = Adapter("zoom", ZoomOptions, meetings.build)
VIDEOSDK = Adapter("zoom-videosdk", VideoSdkOptions, videosdk.build)
