"""Healthy files that mutants are made of: every codec and container that PyAV can write, and our own text files.

They are small, so that a change hits what matters, and made anew for each run.
"""

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import imageio_ffmpeg

from agent.loop.ask import ask
from agent.policies.scripted import ScriptedPolicy
from agent.trajectory import Answer, Calls, Evidence, Question, ToolCall, Turn, to_json
from tests.clips import write_clip
from tools.toolbox import open_toolbox

Kind = Literal["video", "subtitles", "run", "cache", "reply"]

X265 = {"preset": "ultrafast", "x265-params": "log-level=none:pools=1:frame-threads=1:keyint=20"}
VPX = {"deadline": "realtime", "cpu-used": "8"}
SVT = {"preset": "12", "svtav1-params": "lp=1"}

VIDEOS: dict[str, dict[str, Any]] = {
    "h264.mp4": {"with_sound": True},
    "h264_fragmented.mp4": {"container_options": {"movflags": "frag_keyframe+empty_moov"}},
    "h264.mov": {"with_sound": True},
    "h264.mkv": {"with_sound": True},
    "h264.ts": {"with_sound": True},
    "h264.flv": {},
    "h264.avi": {},
    "h264_rate.mkv": {"times": [37 * n + 11 * (n % 3) for n in range(40)]},
    "hevc.mp4": {"codec": "libx265", "codec_options": X265},
    "hevc.ts": {"codec": "libx265", "codec_options": X265},
    "hevc.mkv": {"codec": "libx265", "codec_options": X265},
    "vp8.webm": {"codec": "libvpx", "codec_options": VPX},
    "vp9.webm": {"codec": "libvpx-vp9", "codec_options": VPX},
    "vp9.mp4": {"codec": "libvpx-vp9", "codec_options": VPX},
    "av1.mp4": {"codec": "libsvtav1", "codec_options": SVT},
    "av1.mkv": {"codec": "libsvtav1", "codec_options": SVT},
    "mpeg1.mpg": {"codec": "mpeg1video"},
    "mpeg2.mpg": {"codec": "mpeg2video", "codec_options": {"bf": "2"}},
    "mpeg2.vob": {"codec": "mpeg2video"},
    "mpeg2.ts": {"codec": "mpeg2video", "codec_options": {"bf": "2"}},
    "mpeg4.avi": {"codec": "mpeg4", "codec_options": {"bf": "2"}},
    "mpeg4.3gp": {"codec": "mpeg4"},
    "mpeg4.nut": {"codec": "mpeg4"},
    "msmpeg4.avi": {"codec": "msmpeg4v3"},
    "mjpeg.avi": {"codec": "mjpeg"},
    "mjpeg.mov": {"codec": "mjpeg", "with_sound": True},
    "wmv2.asf": {"codec": "wmv2"},
    "wmv2.wmv": {"codec": "wmv2"},
    "flv1.flv": {"codec": "flv"},
    "ffv1.mkv": {"codec": "ffv1"},
}
"""File name, and what `write_clip` is told; a codec that this machine's FFmpeg can't write is left out."""

LINES = ("Good evening.", "The <i>gate</i> is {open}.", "Platform nine, twelve o'clock &amp; all is well")

SRT = "".join(f"{n + 1}\n00:00:0{n},100 --> 00:00:0{n},900\n{line}\n\n" for n, line in enumerate(LINES * 2))
VTT = "WEBVTT\n\n" + "".join(f"00:0{n}.100 --> 00:0{n}.900 line:0\n{line}\n\n" for n, line in enumerate(LINES * 2))
ASS = (
    "[Script Info]\nScriptType: v4.00+\n\n[V4+ Styles]\nFormat: Name, Fontname, Fontsize\nStyle: Default,Arial,20\n\n"
    "[Events]\nFormat: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text\n"
) + "".join(f"Dialogue: 0,0:00:0{n}.10,0:00:0{n}.90,Default,,0,0,0,,{{\\i1}}{line}\n" for n, line in enumerate(LINES))
SUBTITLES = {"lines.srt": SRT, "lines.vtt": VTT, "lines.ass": ASS}

_REPLY = '<answer>{"answer": "blue", "confidence": 0.8}</answer>'
_CALL = {"id": "c1", "type": "function", "function": {"name": "overview", "arguments": '{"count": 4}'}}
_PIECES: tuple[dict[str, Any], ...] = (
    {"choices": [{"index": 0, "delta": {"role": "assistant", "content": _REPLY[:20]}}]},
    {"choices": [{"index": 0, "delta": {"content": _REPLY[20:], "tool_calls": [{"index": 0, **_CALL}]}}]},
    {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}], "usage": {"prompt_tokens": 9}},
)
REPLIES = {
    "stream.reply": "".join(f"data: {json.dumps(piece)}\n\n" for piece in _PIECES) + "data: [DONE]\n\n",
    "whole.reply": json.dumps(
        {
            "choices": [{"message": {"content": _REPLY, "tool_calls": [_CALL]}, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 9, "completion_tokens": 4},
        }
    ),
}


@dataclass(frozen=True)
class Seed:
    """A healthy file, and what it is read as."""

    kind: Kind
    path: Path
    inside: str = ""
    """Of a cache, the file in it that is changed."""


def write_seeds(folder: Path) -> list[Seed]:
    """Writes them all; about a quarter of a minute."""
    folder.mkdir(parents=True, exist_ok=True)
    os.environ["SVT_LOG"] = "1"  # or the encoder of AV1 tells its settings
    videos = [path for name, told in VIDEOS.items() if (path := _video(folder / name, told)) is not None]
    videos += [_moving_picture(folder / name) for name in ("moving.gif", "moving.apng")]
    videos += [_with_subtitles(folder, f"subtitles.{ending}", codec) for ending, codec in _SUBTITLED]
    seeds = [Seed("video", path) for path in videos]
    for name, text in {**SUBTITLES, **REPLIES}.items():
        (folder / name).write_text(text, encoding="utf-8")
        seeds.append(Seed("subtitles" if name in SUBTITLES else "reply", folder / name))
    return [*seeds, *_played(folder)]


_SUBTITLED = (("mp4", "mov_text"), ("mkv", "subrip"), ("webm", "webvtt"))


def _video(path: Path, told: dict[str, Any]) -> Path | None:
    try:
        return write_clip(path, **{"frames": 40, "keyframe_every": 20, **told})
    except ValueError:  # av.codec.UnknownCodecError
        return None


def _moving_picture(path: Path) -> Path:
    _ffmpeg("-i", path.parent / "mjpeg.avi", "-vf", "fps=5,format=rgb24", "-f", path.suffix[1:], path)
    return path


def _with_subtitles(folder: Path, name: str, codec: str) -> Path:
    source = folder / ("vp9.webm" if name.endswith("webm") else "h264.mp4")
    (folder / "lines.srt").write_text(SRT, encoding="utf-8")
    _ffmpeg("-i", source, "-i", folder / "lines.srt", "-c", "copy", "-c:s", codec, folder / name)
    return folder / name


def _ffmpeg(*arguments: str | Path) -> None:
    """Runs the command that comes with imageio-ffmpeg; PyAV writes no subtitle streams."""
    subprocess.run([imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y", *arguments], check=True)


def _played(folder: Path) -> list[Seed]:
    """A saved run, and each file of the cache that it left."""
    video, cache = folder / "h264.mp4", folder / "cache"
    shutil.rmtree(cache, ignore_errors=True)
    looks = (("overview", {"count": 3}), ("zoom", {"seconds": 0.5, "box": [0, 0, 0.5, 0.5]}), ("list_shots", {}))
    calls = tuple(ToolCall(f"t1c{n + 1}", name, arguments) for n, (name, arguments) in enumerate(looks))
    answer = Answer("blue", confidence=0.8, evidence=(Evidence(0.0, 1.0, ("t1c1",)),))
    with open_toolbox(video, encoder="hashing", cache=cache) as toolbox:
        toolbox.index.wait_tiled()
        question = Question(str(video), "What is shown?")
        run = ask(question, toolbox, ScriptedPolicy([Turn("", Calls(calls)), Turn("", answer)]), verify=False)
    (folder / "saved.run.json").write_text(to_json(run), encoding="utf-8")
    kept = sorted(
        path for path in cache.rglob("*") if path.is_file() and path.suffix != ".lock" and path.stat().st_size
    )
    inside = [path.relative_to(cache).as_posix() for path in kept]
    return [Seed("run", folder / "saved.run.json"), *(Seed("cache", cache, name) for name in inside)]
