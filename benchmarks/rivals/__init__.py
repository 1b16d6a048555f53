"""Stores for the versions of a clip with one interface: the CSSV file and its rivals."""

from __future__ import annotations

from rivals.arrays import IcechunkStore, ZarrZip
from rivals.blobs import SqliteBlobs
from rivals.corpus import Corpus, Finished
from rivals.files import ContentAddressed, CssvFile, WholeCopies
from rivals.store import Store, View, size_of

#: All stores, in the order of the table.
STORES: tuple[type[Store], ...] = (
    CssvFile,
    WholeCopies,
    ContentAddressed,
    SqliteBlobs,
    IcechunkStore,
    ZarrZip,
)

__all__ = ["STORES", "Corpus", "Finished", "Store", "View", "size_of"]
