"""Files as every room uses them.

``atomic`` writes a result completely or not at all, ``lock`` keeps a second writer out, ``patched`` reads a
file as if some bytes were others, ``closing`` has the base classes of everything that is closed, ``worker``
runs work in a second thread, ``paths`` checks path arguments, and ``registry`` holds named factories.
"""
