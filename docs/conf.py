"""Sphinx configuration. Build: ``python -m sphinx docs docs/out``; the catalogue is written from the code first."""
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE)]

import snn  # noqa: E402  (the checkout, not an installed copy)

project = "snn"
author = "the snn contributors"
version = release = snn.__version__
extensions = ["myst_parser"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["out", "README.md"]
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3
html_theme = "furo"
html_title = f"snn {release}"


def setup(app):
    from make_catalogue import write

    app.connect("builder-inited", lambda app: write(HERE / "generated", pictures=True))
