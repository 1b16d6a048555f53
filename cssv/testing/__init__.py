"""Test kit for CSSV and its plug-ins: synthetic clips, strategies, contract tests and second readers.

It is installed with the library, so that detectors, carriers and exporters from outside use it as well:

* :mod:`cssv.testing.clips`: clips of moving blocks whose boxes are known, and a detector that returns them;
* :mod:`cssv.testing.received`: copies of clips, cropped, scaled, with bars, through a lossy codec;
* :mod:`cssv.testing.thermal_clips`: pictures and files of a thermal camera beside such a clip;
* :mod:`cssv.testing.fixtures`: a pytest plug-in with these clips encoded once a session
  (``pytest_plugins = ["cssv.testing.fixtures"]`` in ``conftest.py``);
* :mod:`cssv.testing.strategies`: hypothesis strategies of frames, boxes, outlines and scenes;
* :mod:`cssv.testing.pixel_reader`, :mod:`cssv.testing.full_reader`, :mod:`cssv.testing.constructive_reader`,
  :mod:`cssv.testing.sealing_reader` and :mod:`cssv.testing.container_reader`: second readers, written from
  the SPEC pages alone. They import nothing of the library, so an error of the library cannot hide in them.

Only ``fixtures`` and ``thermal_clips`` need pytest, only ``strategies`` needs hypothesis, and only
``sealing_reader`` needs cryptography.
"""
