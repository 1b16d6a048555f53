"""The constructive carrier: payloads of windows in keyed lowest bits, in every part of the picture.

``SPEC.md`` in this folder is normative for the pixels. :mod:`.carrier` has the carrier, :mod:`.extractor` the way
back. For the other modules, the pixel layer, a payload is opaque; :mod:`.windows` has their functions.
"""
