"""Files as every room uses them.

``atomic`` writes a result completely or not at all, ``temporaries`` makes the temporary files for it, and
``leftovers`` removes those of killed processes. ``lock`` keeps a second writer out, ``lock_file`` states what
a lock file is, and ``locked_file`` writes a file as its only writer. ``patched`` reads a file as if some
bytes were others, ``closing`` has the base classes of everything that is closed, ``worker`` runs work in a
second thread, ``paths`` checks path arguments, and ``registry`` holds named factories.
"""
