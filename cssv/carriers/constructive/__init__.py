"""The constructive carrier: payloads of windows in keyed lowest bits, in every part of the picture.

``SPEC.md`` in this folder is normative for the pixels. :mod:`.carrier` has the carrier, and :mod:`.extractor`
reads what it has hidden. For the other modules, the pixel layer, a payload is opaque.
"""
