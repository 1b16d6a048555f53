"""The page that shows a clip: our own ES modules, inlined into one HTML file."""

from cssv.view.html.page import EMBED_LIMIT_BYTES, PageContent, PlaneStore, check_embedded, make_page

__all__ = ["EMBED_LIMIT_BYTES", "PageContent", "PlaneStore", "check_embedded", "make_page"]
