"""The page as one HTML file that asks nobody for anything.

Whatever comes from a sweep (names, values, errors) is escaped: Jinja does so for every text, and the figures lie packed
in the page as data. A content security policy allows two scripts by their hashes, the page's own and plotly.js, and no
connection at all, so that even a text which got through could neither run nor tell anybody.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import importlib.util
import json
from functools import cache
from pathlib import Path

from orchestrator.errors import StepladderError
from orchestrator.views.page.parts import Page
from orchestrator.views.page.scale import rounded

_HERE = Path(__file__).parent


def html(page: Page) -> str:
    """Return the whole page. Raises StepladderError where plotly, which brings the library that draws, is not there."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    script, library = (_HERE / "page.js").read_text(), _library()
    drawings = [drawing for section in page.sections for drawing in section.drawings]
    figures = json.dumps({d.name: rounded(d.figure) for d in drawings}, separators=(",", ":"))
    ground = Environment(loader=FileSystemLoader(_HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    return ground.get_template("page.html.jinja").render(
        page=page,
        policy=policy(script, library),
        css=Markup((_HERE / "page.css").read_text()),  # noqa: S704 - our own file
        script=Markup(script),  # noqa: S704 - likewise; all else is escaped
        figures=packed(figures),
        library=_packed_library(),
    )


def policy(*scripts: str) -> str:
    """Return the content security policy of a page that runs these scripts and nothing else."""
    digests = (base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts)
    allowed = " ".join(f"'sha256-{digest}'" for digest in digests)
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def packed(text: str) -> str:
    """Return a text compressed and written in letters, digits, `+`, `/` and `=`; the same text, the same letters."""
    return base64.b64encode(gzip.compress(text.encode(), 9, mtime=0)).decode()


@cache
def _packed_library() -> str:
    return packed(_library())


@cache
def _library() -> str:
    """Return plotly.js as Python's plotly carries it. Importing that package would take a while and is not needed."""
    found = importlib.util.find_spec("plotly")
    places = list(found.submodule_search_locations or ()) if found is not None else []
    for place in places:
        file = Path(place) / "package_data" / "plotly.min.js"
        if file.is_file():
            return file.read_text(encoding="utf-8")
    raise StepladderError("the page's pictures are drawn by plotly, which is not installed: pip install plotly")
