"""The page that shows a clip: our own ES modules, inlined into one HTML file."""

from cssv.view.html.page import PageContent, PlaneStore, make_page

__all__ = ["PageContent", "PlaneStore", "make_page"]
