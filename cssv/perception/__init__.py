"""Object detection, tracking and motion estimation with consistent covariances."""

from cssv.perception.camera import CameraMotion
from cssv.perception.detections import EMPTY, Detections, detections
from cssv.perception.detectors import DETECTORS, Detector, DetectorOptions, detector, register_detector
from cssv.perception.detectors.boxes import BoxesDetector
from cssv.perception.flow import Flow, FlowMeter
from cssv.perception.live import LAG_S, LiveTracker
from cssv.perception.offline import ClipTracker, perceive, track_boxes
from cssv.perception.smoothing import Noise
from cssv.perception.tracker import Tracker
from cssv.perception.tracks import FrameStates, Track, Tracks

__all__ = [
    "DETECTORS",
    "EMPTY",
    "LAG_S",
    "BoxesDetector",
    "CameraMotion",
    "ClipTracker",
    "Detections",
    "Detector",
    "DetectorOptions",
    "Flow",
    "FlowMeter",
    "FrameStates",
    "LiveTracker",
    "Noise",
    "Track",
    "Tracker",
    "Tracks",
    "detections",
    "detector",
    "perceive",
    "register_detector",
    "track_boxes",
]
