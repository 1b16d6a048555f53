"""Packages of the distribution, found: ``cssv`` and, from the folder ``cli``, ``cssv_cli``."""

from setuptools import find_packages, setup

library = find_packages(include=["cssv", "cssv.*"])
commands = find_packages(include=["cli", "cli.*"])
setup(
    packages=[*library, *(name.replace("cli", "cssv_cli", 1) for name in commands)],
    package_dir={"cssv": "cssv", "cssv_cli": "cli"},
    package_data={"": ["py.typed", "*.json", "*.md", "*.html", "*.css", "*.js"]},
)
