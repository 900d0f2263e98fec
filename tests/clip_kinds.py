"""Kinds of clips by file name, each with a trap for readers that trust headers, seeks or packet order."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from tests import clips

Make = Callable[[Path], Path]

H264_OPEN = {"x264-params": f"keyint=30:min-keyint=30:open-gop=1:b-pyramid=normal:{clips.B_FRAMES}"}
H264_REFRESH = {"x264-params": "keyint=30:min-keyint=30:intra-refresh=1:bframes=0"}
HEVC = {
    "preset": "ultrafast",
    "x265-params": "log-level=none:keyint=30:min-keyint=30:open-gop=1:bframes=4:pools=1:frame-threads=1",
}
HEVC_LAYERS = {**HEVC, "x265-params": HEVC["x265-params"] + ":temporal-layers=3"}
VP9 = {"deadline": "realtime", "cpu-used": "8", "auto-alt-ref": "1", "lag-in-frames": "16", "g": "50"}
VP8 = {"deadline": "good", "cpu-used": "5", "auto-alt-ref": "1", "lag-in-frames": "16"}
MPEG2 = {"bf": "2", "g": "15"}
UNEVEN = np.cumsum(np.random.default_rng(1).integers(10, 300, 120)).tolist()

CLIPS: dict[str, Make] = {
    "h264_b_frames.mp4": lambda path: clips.write_clip(path),
    "h264_long_gop.mp4": lambda path: clips.write_clip(path, frames=300, keyframe_every=250),
    "h264_open_gop.mp4": lambda path: clips.write_clip(path, codec_options=H264_OPEN),
    "h264_open_gop.ts": lambda path: clips.write_clip(path, codec_options=H264_OPEN),
    "h264_intra_refresh.mp4": lambda path: clips.write_clip(path, codec_options=H264_REFRESH),
    "h264.ts": lambda path: clips.write_clip(path),
    "h264.mkv": lambda path: clips.write_clip(path),
    "h264.flv": lambda path: clips.write_clip(path),
    "h264_fragmented.mp4": lambda path: clips.write_clip(
        path, container_options={"movflags": "frag_keyframe+empty_moov"}
    ),
    "h264_no_times.avi": lambda path: clips.write_clip(path),
    "mpeg4_no_times.avi": lambda path: clips.write_clip(path, codec="mpeg4", codec_options={**MPEG2, "b": "4M"}),
    "hevc_open_gop.mp4": lambda path: clips.write_clip(path, codec="libx265", codec_options=HEVC),
    "hevc_temporal_layers.mp4": lambda path: clips.write_clip(path, codec="libx265", codec_options=HEVC_LAYERS),
    "vp9.webm": lambda path: clips.write_clip(path, codec="libvpx-vp9", codec_options=VP9),
    "vp8_hidden_frames.webm": lambda path: clips.rewrite(
        clips.write_clip(path.with_name("vp8.webm"), codec="libvpx", codec_options=VP8),
        path,
        clips.hide_copies_of_keyframes,
    ),
    "mpeg2.ts": lambda path: clips.write_clip(path, codec="mpeg2video", codec_options=MPEG2),
    "vfr.mp4": lambda path: clips.write_clip(path, times=UNEVEN),
    "vfr.mkv": lambda path: clips.write_clip(path, times=UNEVEN),
    "late_start.mp4": lambda path: clips.write_clip(path, times=[5000 + 33 * n for n in range(120)]),
    "late_start.ts": lambda path: clips.write_clip(path, times=[5000 + 33 * n for n in range(120)]),
    "rotated.mp4": lambda path: clips.turn(clips.write_clip(path), 90),
}
