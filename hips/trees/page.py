"""The page at the root of a tree: what it is, a picture of it, where its files are (HIPS-087)."""

from __future__ import annotations

from html import escape
from string import Template

from hips.trees.layout import COVERAGE, PREVIEW, PROPERTIES
from hips.trees.properties import Properties

_SHOWN = (
    ("obs_description", "What it shows"),
    ("hips_bunit", "Unit"),
    ("obs_regime", "Regime"),
    ("hips_cat_nrows", "Rows"),
    ("hips_order", "Deepest order"),
    ("hips_tile_format", "Formats"),
    ("hips_pixel_cut", "Pictures show values from and to"),
    ("moc_sky_fraction", "Part of the sky"),
    ("hips_release_date", "Released"),
    ("obs_copyright", "Rights"),
    ("obs_ack", "Acknowledgement"),
    ("creator_did", "Identifier"),
)
_PAGE = Template(
    """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>$title</title>
<style>
body { font: 16px/1.5 sans-serif; max-width: 46rem; margin: 2rem auto; padding: 0 1rem; }
img { float: right; margin: 0 0 1rem 1rem; background: #000; }
th { text-align: left; vertical-align: top; padding-right: 1rem; white-space: nowrap; }
td { overflow-wrap: anywhere; }
</style>
</head>
<body>
<h1>$title</h1>
$contents Aladin, Aladin Lite and ESASky open the address of this page.</p>
<table>
$rows
</table>
<p>Files: <a href="$properties">properties</a>, <a href="$coverage">coverage</a> (MOC).</p>
</body>
</html>
"""
)


_IMAGES = f"""<img src="{PREVIEW}" width="256" height="256" alt="Preview">
<p>Images of the sky as a tree of tiles (HiPS)."""
_TABLES = "<p>A catalogue as a tree of tables (HiPS), row by row where they are on the sky."


def tree_page(properties: Properties) -> str:
    """HTML that needs nothing from elsewhere: no script, no style sheet."""
    rows = "\n".join(
        f"<tr><th>{label}</th><td>{escape(', '.join(values))}</td></tr>"
        for key, label in _SHOWN
        if (values := properties.all(key))
    )
    return _PAGE.substitute(
        title=escape(properties.get("obs_title") or ""),
        rows=rows,
        contents=_TABLES if properties.get("dataproduct_type") == "catalog" else _IMAGES,
        properties=PROPERTIES,
        coverage=COVERAGE,
    )
