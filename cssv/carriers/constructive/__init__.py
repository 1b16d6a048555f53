"""The pixel layer of the constructive carrier: payloads in keyed lowest bits, in every part of the picture.

``SPEC.md`` in this folder is normative. A payload is opaque here; :mod:`.windows` has the public functions.
"""
