"""Which observation a file belongs to: project, uids, source, spectral windows, intent and processing.

The path says most: archives unpack to ``project/science_goal.../group.../member...``, and pipelines write
the member uid, the source and the windows into the file name. Header cards that state the same come second.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import PurePosixPath

from vo_service.holdings.file_names import FileName, read_name
from vo_service.holdings.header import ImageHeader
from vo_service.holdings.records import Identity, Product, Repair
from vo_service.holdings.words import role_words

_PROJECT = re.compile(r"(?<![0-9A-Za-z])((?:20\d\d|19\d\d)\.(?:\d|[A-Z])\.\d{5}\.[A-Z]{1,3})(?![0-9A-Za-z])")
_LEVEL_UID = re.compile(
    r"(member|group|science_goal|sg)[._](?:ouss?[._])?(uid___A\d+_X[0-9A-Fa-f]+_X[0-9A-Fa-f]+)"
)
_BARE_UID = re.compile(r"(?<![A-Za-z.])(uid___A\d+_X[0-9A-Fa-f]+_X[0-9A-Fa-f]+)")
_ARCHIVE_UID = re.compile(r"uid://A\d+/X[0-9A-Fa-f]+/X[0-9A-Fa-f]+")
_CARDS_OF_PROJECT = ("PROPOSAL", "PROP_ID", "PROPID", "PROJECT", "OBSPRJ", "PROPCODE", "PROJCODE")
_PRODUCT_FOLDERS = frozenset(
    {"product", "calibration", "qa", "script", "log", "raw", "calibrated", "external"}
)
_CARDS_OF_UID = {
    "MEMBER": "member_ous_uid",
    "MOUS": "member_ous_uid",
    "OUSID": "member_ous_uid",
    "GOUS": "group_ous_uid",
}


def read_uid(text: str) -> str:
    """``uid___A001_X1_X2`` in the archive's form ``uid://A001/X1/X2``."""
    return text.replace("___", "://").replace("_", "/")


def identify_path(product: Product) -> Product:
    """Identity from path and file name alone: all that a file that is no image can tell."""
    name = read_name(product.file.path)
    path = PurePosixPath(product.file.path)
    uids = _uids_of_path(path, name)
    project = _PROJECT.search(product.file.path)
    identity = Identity(
        project_code=project.group(1) if project else None,
        science_goal_uid=uids.get("science_goal"),
        group_ous_uid=uids.get("group"),
        member_ous_uid=uids.get("member"),
        target_name=name.source,
        intent=name.intent,
        windows=name.windows,
        processing=name.tags,
        stem=name.stem(role_words(name)),
    )
    return replace(product, identity=identity)


def identify(product: Product, header: ImageHeader) -> Product:
    """Identity from the path, then from header cards where the path is silent (a repair row says which)."""
    product = identify_path(product)
    identity = product.identity
    repairs = []
    if identity.project_code is None:
        place, code = _project_of_header(header)
        if code is not None:
            repairs.append(Repair("proposal_id", None, code, "ID-HEADER", f"stated in {place}"))
            identity = replace(identity, project_code=code)
    if identity.member_ous_uid is None:
        place, uid = _member_of_header(header)
        if uid is not None:
            repairs.append(Repair("member_ous_uid", None, uid, "ID-HEADER", f"stated in {place}"))
            identity = replace(identity, member_ous_uid=uid)
    window = header.keywords.text("SPW")
    if not identity.windows and window and re.fullmatch(r"\d+([ ,_]\d+)*", window):
        windows = tuple(re.split(r"[ ,_]", window))
        repairs.append(Repair("spectral_windows", None, " ".join(windows), "ID-HEADER", "stated in SPW"))
        identity = replace(identity, windows=windows)
    return product.repaired(*repairs, identity=identity)


def _uids_of_path(path: PurePosixPath, name: FileName) -> dict[str, str]:
    """Level (``science_goal group member``) -> uid in the archive's form."""
    uids: dict[str, str] = {}
    for part in path.parts:
        for level, uid in _LEVEL_UID.findall(part):
            uids["science_goal" if level == "sg" else level] = read_uid(uid)
    bare = [read_uid(part) for part in path.parts[:-1] if _BARE_UID.fullmatch(part)]
    if len(bare) == 3 and not uids:  # project/sg_ouss_id/group_ouss_id/member_ouss_id/product
        uids = dict(zip(("science_goal", "group", "member"), bare, strict=True))
    elif bare and "member" not in uids and path.parent.name in _PRODUCT_FOLDERS:
        uids["member"] = bare[-1]
    if name.uid is not None and (name.level or "member") not in uids:
        uids[name.level or "member"] = read_uid(name.uid)
    return uids


def _project_of_header(header: ImageHeader) -> tuple[str, str | None]:
    for key in _CARDS_OF_PROJECT:
        match = _PROJECT.search(header.keywords.text(key) or "")
        if match:
            return key, match.group(1)
    remarks = header.remarks.decode("latin-1")
    for start in range(0, len(remarks), 80):
        card = remarks[start : start + 80]
        if card.startswith("COMMENT") and ("roposal" in card or "roject" in card):
            match = _PROJECT.search(card)
            if match:
                return "COMMENT", match.group(1)
    return "", None


def _member_of_header(header: ImageHeader) -> tuple[str, str | None]:
    """The member uid from cards that CASA's pipeline writes: its own, or the file name in pieces
    (FILNAM01...).
    """
    for key in _CARDS_OF_UID:
        if _CARDS_OF_UID[key] != "member_ous_uid":
            continue
        text = header.keywords.text(key) or ""
        match = _ARCHIVE_UID.search(text) or _BARE_UID.search(text)
        if match:
            return key, read_uid(match.group(0))
    match = _BARE_UID.search(header.keywords.text("FILNAM01") or "")
    return ("FILNAM01", read_uid(match.group(1))) if match else ("", None)
