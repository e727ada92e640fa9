"""Side files of a delivery: README, scripts, QA2 report, calibration and log; text of the sample's own."""

from __future__ import annotations

from collections.abc import Iterator

from vo_service.sample.drafts import Draft
from vo_service.sample.fitsfile import compress, tar_of
from vo_service.sample.observations import Observation, uid_in_names


def side_files(observation: Observation) -> Iterator[Draft]:
    """The files beside the products of a member OUS."""
    member = uid_in_names(observation.member_uid)
    execution = uid_in_names(observation.asdm_uid)
    texts = {
        "README": (
            f"Delivery of project {observation.project.code}, member OUS {observation.member_uid}\n"
            f"Target: {observation.object_name}   Band: {observation.band}   Array: {observation.array}\n"
            "QA2: PASS. Images in product/ are corrected for the primary beam where the name says pbcor.\n"
        ),
        f"script/member.{member}.scriptForPI.py": (
            "# Restores the calibrated visibilities of this member OUS.\n"
            f"execution_blocks = ['{execution}']\n"
            "for block in execution_blocks:\n    print('restore', block)\n"
        ),
        f"script/member.{member}.scriptForImaging.py": (
            f"# Imaging of {observation.object_name}\n"
            f"spws = {[window.label for window in observation.windows]!r}\n"
        ),
        f"qa/member.{member}.qa2_report.html": (
            f"<html><head><title>QA2 {observation.member_uid}</title></head>"
            f"<body><h1>{observation.project.code}</h1><p>PWV {observation.pwv} mm</p></body></html>\n"
        ),
        f"log/member.{member}.casa_commands.log": f"hifa_importdata(vis=['{execution}'])\nhif_makeimages()\n",
    }
    for path, text in texts.items():
        yield _side(observation, path, text.encode("utf-8"), "document")
    pads = "antenna,pad\n" + "".join("{1},{0}\n".format(*pair.split(":")) for pair in observation.antennas)
    yield _side(observation, f"qa/member.{member}.antennas.csv", pads.encode("ascii"), "table")
    name = f"calibration/member.{member}.flagversions.tgz"
    version = f"{execution}.flagversions/FLAG_VERSION_LIST.txt"
    flags = tar_of(version, f"flags of {execution}\n".encode("ascii"))
    yield _side(observation, name, compress(flags), "unknown")
    yield _side(observation, f"{name}/{version}", b"", "document", tar=name)


def _side(observation: Observation, path: str, content: bytes, role: str, tar: str | None = None) -> Draft:
    return Draft(
        path=f"{observation.directory}/{path}",
        content=content,
        role=role,
        profile="pipeline" if observation.group_uid else "cycle0",
        observation=observation,
        side=True,
        tar=f"{observation.directory}/{tar}" if tar is not None else None,
    )
