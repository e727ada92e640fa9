"""Every rule by which harmonisation changes a value, with its id: repair rows cite them, the manual lists
them.
"""

from __future__ import annotations

import sys

RULES: dict[str, str] = {
    # text and names
    "TEXT-ENCODING": (
        "A card holds bytes outside ASCII, which FITS forbids: read as UTF-8 where valid, else as Latin-1."
    ),
    "CARD-REPEATED": (
        "Cards of one name give different texts: the first is taken. As a number their value is unknown."
    ),
    "OBJ-CLEAN": "Blanks round and repeated blanks within OBJECT are removed, control characters too.",
    "OBJ-BLANK": "OBJECT is blank, unreadable or a stand-in such as 'none': no name of a target.",
    "OBJ-FILE-NAME": "The header names no target: the source part of the pipeline's file name is taken.",
    "ID-HEADER": "Project code, uid or spectral window come from a header card or comment that states them.",
    # time
    "DATE-SPELLING": "The date of observation stands in DATE_OBS or MJD-OBS instead of DATE-OBS.",
    "DATE-OLD-FORM": "DATE-OBS in the form DD/MM/YY of before 1999 is a date of the twentieth century.",
    "DATE-SCALE": (
        "TIMESYS names a scale other than UTC: the time is converted to UTC, or kept where none knows it."
    ),
    "DATE-INVALID": (
        "DATE-OBS is no date, one at which no radio telescope observed, or one after the file was written:"
        " unknown."
    ),
    "DATE-END": (
        "No end is given that can be one, or one before the start: the start and the exposure, else the"
        " start."
    ),
    "EXP-INVALID": (
        "EXPTIME or EXPOSURE is no positive number of seconds, or ends after the file was written: unknown."
    ),
    # brightness unit and beam
    "UNIT-SPELLING": "BUNIT is written as VOUnits write it; each solidus divides by the next unit only.",
    "UNIT-SCALE-NAME": (
        "BUNIT names the temperature scale, as in K(Tmb): the unit is K, the scale no part of it."
    ),
    "UNIT-UNKNOWN": "BUNIT cannot be read as a unit: unknown.",
    "BEAM-TABLE": "One beam for each channel in the table BEAMS: the published beam is the median by size.",
    "BEAM-INVALID": (
        "A card of the beam is unreadable or missing beside the others, or the size not positive, larger than"
        " the image or far below a pixel: unknown. Swapped axes are put in order."
    ),
    "POL-CODE": (
        "The Stokes axis has codes that are not defined, or lacks a readable card: the labels are unknown."
    ),
    # position
    "SKY-FRAME-EQUINOX": (
        "No RADESYS: the equinox tells the frame (FITS 4.0, 8.3), FK5 from 1984 on, FK4 before."
    ),
    "SKY-FRAME-DEFAULT": "Neither RADESYS nor an equinox: ICRS, the default of FITS 4.0, 8.3.",
    "SKY-FRAME-SPELLING": "The frame is spelt RADECSYS or in other ways than the standard's.",
    "SKY-FRAME-UNKNOWN": (
        "RADESYS names a frame that is not celestial reference of the standard: taken as ICRS."
    ),
    "SKY-FK5": "Positions in FK5 (or FK4) are converted to ICRS.",
    "SKY-GALACTIC": "Positions in galactic or ecliptic coordinates are converted to ICRS.",
    "SKY-PROJECTION": "The projection GLS or NCP of AIPS is read as the SFL or SIN it stands for.",
    # frequency
    "REST-SPELLING": "The rest frequency stands in RESTFREQ instead of RESTFRQ.",
    "REST-IMPLAUSIBLE": (
        "The rest frequency is unreadable, not positive, or far outside what radio receivers can reach at any"
        " redshift: unknown."
    ),
    "REST-OTHER-LINE": (
        "The rest frequency lies below the whole spectral axis, which no redshift explains: another line's."
    ),
    "SPEC-VELOCITY": "A velocity axis becomes sky frequency by its definition and the rest frequency.",
    "SPEC-AIPS-VELOCITY": (
        "A VELO or FELO axis of AIPS or Miriad is read by VELREF, or by its writer where VELREF is missing."
    ),
    "SPEC-FRAME-SPELLING": (
        "The spectral frame comes from the axis name or VELREF, or SPECSYS is spelt in another way."
    ),
    "SPEC-FRAME-UNKNOWN": "No spectral frame is given: frequencies stay as they are, specsys is null.",
    "SPEC-FRAME-KEPT": (
        "The frame is known but time, place or direction for its conversion are not: wavelengths stay in it."
    ),
    "SPEC-TOPO-BARY": "Wavelengths are converted from the topocentric frame to the barycentre.",
    "SPEC-LSRK-BARY": "Wavelengths are converted from the local standard of rest to the barycentre.",
    "SPEC-OTHER-BARY": "Wavelengths are converted from another frame to the barycentre.",
    "SPEC-IMPLAUSIBLE": "The spectral axis gives no frequency that a radio telescope can observe: unknown.",
    "SPEC-UNREADABLE": (
        "A card that the spectral axis needs is missing, unreadable or contradicted by another of its name:"
        " frequencies are unknown."
    ),
    # files and archive rows
    "ARCH-TARGET": "The archive's spelling of the target is published: clients filter by it.",
    "ARCH-POSITION": "Position of file and archive differ by more than 1 arcsec: the file's stands.",
    "ARCH-FREQUENCY": "Frequency of file and archive differ by more than 1e-4: the file's stands.",
    "ARCH-RESOLUTION": "Beam and archive resolution differ by over 20 %: the file's stands.",
    "ARCH-CHANNELS": "The number of channels is not the archive's: the file's stands.",
    "ARCH-BAND": "The file's frequencies lie in another band than the archive says: the file's stands.",
    "ARCH-FACT": "Project, time or exposure in the file is not the archive's: the archive's record stands.",
    "ARCH-NO-BEAM": "The file has no beam: the archive's resolution of the field is taken.",
    "ARCH-NO-SPECTRUM": "The file has no spectral axis: the archive's range of the window is taken.",
    "ARCH-TYPE": "An archive row with more than one channel is a cube, whatever the archive calls it.",
}


def as_markdown() -> str:
    """The page ``docs/harmonisation.md``: every rule with its id."""
    rows = "\n".join(f"| `{rule}` | {text} |" for rule, text in sorted(RULES.items()))
    return f"""# Rules of harmonisation

Written from `vo_service/holdings/rules.py` by `python -m vo_service.holdings.rules`. Each row of
`holdings.repair` names the rule by which a value that stands in a header or an archive row became the
published one.

| rule | what it does |
| --- | --- |
{rows}
"""


if __name__ == "__main__":
    sys.stdout.write(as_markdown())
