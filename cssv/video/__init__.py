"""Files to frames and frames to files; the only part of CSSV that knows FFmpeg (PyAV)."""

from cssv.video.audio import AudioCopy, AudioTrack
from cssv.video.codecs import CODECS, Codec
from cssv.video.encoder import FrameEncoder
from cssv.video.info import Colour, VideoInfo
from cssv.video.packet import Packet
from cssv.video.reader import VideoReader

__all__ = [
    "CODECS",
    "AudioCopy",
    "AudioTrack",
    "Codec",
    "Colour",
    "FrameEncoder",
    "Packet",
    "VideoInfo",
    "VideoReader",
]
