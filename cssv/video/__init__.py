"""Video files to frames and frames to video files; the only room that imports PyAV (FFmpeg)."""

from cssv.video.audio import AudioCopy, AudioTrack
from cssv.video.codec_notes import browser_notes, field_notes
from cssv.video.codecs import (
    CODEC_NAMES,
    CODECS,
    DEFAULT_EFFORT,
    EFFORTS,
    LOSSY_CODECS,
    REGION_H264,
    VARIANT_MAX,
    Codec,
    CodecSettings,
    Effort,
    check_crf,
    check_effort,
    default_effort,
    gop_length,
    longest_gap,
    settings_of,
)
from cssv.video.coded_size import coded_sizes
from cssv.video.colour_tags import likely_matrix, state_colour
from cssv.video.cursor import FrameCursor
from cssv.video.decoding import DAMAGED, DEFAULT_DAMAGED, ENDED, Damaged
from cssv.video.encoder import FrameEncoder
from cssv.video.fields import FieldOrder
from cssv.video.frame_reader import FrameReader, Planes, shown_stamps
from cssv.video.grey16 import SIDE_MAX as COUNTS_SIDE_MAX
from cssv.video.grey16 import CountPictures, CountVideo
from cssv.video.info import LATE_S, UNTAGGED, Colour, VideoInfo, check_rate, nominal_step
from cssv.video.lossy_copy import lossy_copy
from cssv.video.numbered import PICTURE_RATE
from cssv.video.opening import open_clip, open_frames, streams_to_try
from cssv.video.packet import Packet
from cssv.video.packet_decoder import PacketDecoder
from cssv.video.pictures import (
    PictureReader,
    encode_picture,
    picture_folder,
    picture_name,
    write_picture,
    write_pictures,
)
from cssv.video.png import PNG_SIGNATURE
from cssv.video.reader import VideoReader
from cssv.video.region_encoder import CodedGroup, RegionEncoder, RegionFrame
from cssv.video.sequence import bytes_of_clip, is_sequence
from cssv.video.span import WHOLE_CLIP, Span, no_frame
from cssv.video.tiff import TIFF_SIGNATURES, CountPages
from cssv.video.timing import AS_STORED, REORDER_WINDOW, StampRow
from cssv.video.writer import CONTAINERS, FileCodec, VideoWriter

__all__ = [
    "AS_STORED",
    "CODECS",
    "CODEC_NAMES",
    "CONTAINERS",
    "COUNTS_SIDE_MAX",
    "DAMAGED",
    "DEFAULT_DAMAGED",
    "DEFAULT_EFFORT",
    "EFFORTS",
    "ENDED",
    "LATE_S",
    "LOSSY_CODECS",
    "PICTURE_RATE",
    "PNG_SIGNATURE",
    "REGION_H264",
    "REORDER_WINDOW",
    "TIFF_SIGNATURES",
    "UNTAGGED",
    "VARIANT_MAX",
    "WHOLE_CLIP",
    "AudioCopy",
    "AudioTrack",
    "Codec",
    "CodecSettings",
    "CodedGroup",
    "Colour",
    "CountPages",
    "CountPictures",
    "CountVideo",
    "Damaged",
    "Effort",
    "FieldOrder",
    "FileCodec",
    "FrameCursor",
    "FrameEncoder",
    "FrameReader",
    "Packet",
    "PacketDecoder",
    "PictureReader",
    "Planes",
    "RegionEncoder",
    "RegionFrame",
    "Span",
    "StampRow",
    "VideoInfo",
    "VideoReader",
    "VideoWriter",
    "browser_notes",
    "bytes_of_clip",
    "check_crf",
    "check_effort",
    "check_rate",
    "coded_sizes",
    "default_effort",
    "encode_picture",
    "field_notes",
    "gop_length",
    "is_sequence",
    "likely_matrix",
    "longest_gap",
    "lossy_copy",
    "no_frame",
    "nominal_step",
    "open_clip",
    "open_frames",
    "picture_folder",
    "picture_name",
    "settings_of",
    "shown_stamps",
    "state_colour",
    "streams_to_try",
    "write_picture",
    "write_pictures",
]
