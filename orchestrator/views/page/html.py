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
from typing import TYPE_CHECKING

from orchestrator.errors import StepladderError
from orchestrator.views.page.parts import Page
from orchestrator.views.page.scale import rounded

if TYPE_CHECKING:
    from jinja2 import Template

_HERE = Path(__file__).parent
DRAWING, CSS = _HERE / "drawing.js", _HERE / "page.css"
"""What draws the pictures in a browser, and how a page looks, for pages of other makers."""


def html(page: Page) -> str:
    """Return the whole page. Raises StepladderError where plotly, which brings the library that draws, is not there."""
    from markupsafe import Markup

    script = DRAWING.read_text() + (_HERE / "page.js").read_text()
    return template("page.html.jinja").render(
        page=page,
        trials=None,
        policy=policy(script, library()),
        css=Markup(CSS.read_text()),  # noqa: S704 - our own file
        script=Markup(script),  # noqa: S704 - likewise; all else is escaped
        figures=packed(figures(page)),
        library=_packed_library(),
    )


def body(page: Page, trials: str) -> str:
    """Return what stands on a page, without its pictures' data, for a browser that gets them from a server.

    Numbers of trials lead to `trials` and the number, an address as it reads from that page.
    """
    return template("body.html.jinja").render(page=page, trials=trials)


def figures(page: Page) -> str:
    """Return a page's pictures by name, as JSON."""
    drawings = [drawing for section in page.sections for drawing in section.drawings]
    return json.dumps({drawing.name: rounded(drawing.figure) for drawing in drawings}, separators=(",", ":"))


@cache
def template(name: str, folder: Path = _HERE) -> Template:
    """Return a template of ours, which escapes every text that it is given."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    ground = Environment(loader=FileSystemLoader(folder), autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    return ground.get_template(name)


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
    return packed(library())


@cache
def library() -> str:
    """Return plotly.js as Python's plotly carries it. Importing that package would take a while and is not needed."""
    found = importlib.util.find_spec("plotly")
    places = list(found.submodule_search_locations or ()) if found is not None else []
    for place in places:
        file = Path(place) / "package_data" / "plotly.min.js"
        if file.is_file():
            return file.read_text(encoding="utf-8")
    raise StepladderError("the page's pictures are drawn by plotly, which is not installed: pip install plotly")
