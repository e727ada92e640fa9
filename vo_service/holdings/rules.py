"""Every rule by which harmonisation changes a value, with its id: repair rows cite them, the manual lists
them.
"""

from __future__ import annotations

import sys

from vo_service.holdings.repaired_columns import COLUMNS, FOLLOWING, READINGS

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
    "NAME-ARCHIVE": (
        "Collection, facility and instrument of ALMA data are the archive's words ALMA, JAO and ALMA,"
        " whatever TELESCOP and INSTRUME say; without TELESCOP where a uid or project code is the archive's."
    ),
    "NAME-STAND-IN": (
        "No card names the instrument or the collection: the telescope stands for both, without one the name"
        " of the ingest root for the collection."
    ),
    "NAME-CONTRADICTION": (
        "TELESCOP names another telescope than ALMA below a path with ALMA's uid or project code: TELESCOP"
        " stands."
    ),
    # time
    "DATE-SPELLING": (
        "A date of observation stands in DATE_OBS, MJD-OBS or MJD-END instead of DATE-OBS or DATE-END."
    ),
    "DATE-OLD-FORM": "DATE-OBS in the form DD/MM/YY of before 1999 is a date of the twentieth century.",
    "DATE-SCALE": (
        "TIMESYS names a scale other than UTC: the time is converted to UTC, or kept where none knows it."
    ),
    "DATE-INVALID": (
        "DATE-OBS is no date, one at which no radio telescope observed, or one after the file was written:"
        " unknown."
    ),
    "DATE-END": (
        "No end is given that can be one, or one before the start: the start and the exposure, where a card"
        " gives that; else unknown."
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
    "BEAM-HISTORY": (
        "No card gives the beam, but the log in HISTORY does: the last that AIPS, CASA or Miriad wrote there."
    ),
    "BEAM-INVALID": (
        "A card of the beam is unreadable or missing beside the others, or the size not positive, larger than"
        " the image or far below a pixel: unknown. Swapped axes are put in order."
    ),
    "POL-CODE": (
        "The Stokes axis has codes that are not defined, or lacks a readable card: the labels are unknown."
    ),
    "PIX-BLANK": (
        "Floating-point pixels have the value of BLANK, which the standard defines for integers alone (FITS"
        " 4.0, 4.4.2.5; NaN is meant): they are no valid pixels. A BLANK of 0 or 1 is not believed."
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
    "SKY-EQUINOX-VLA": "An equinox of 1979.9 is how CASA writes its frame B1950_VLA: it is read as 1950.",
    "SKY-FK5": "Positions in FK5 (or FK4) are converted to ICRS.",
    "SKY-GALACTIC": "Positions in galactic or ecliptic coordinates are converted to ICRS.",
    "SKY-PROJECTION": "The projection GLS or NCP of AIPS is read as the SFL or SIN it stands for.",
    "SKY-TWIN": (
        "A picture of the sky has the pixels of another (duplicate_of), but its header lays them on the sky"
        " in another way: it stays as it is written, though one of the two must be wrong."
    ),
    # frequency
    "REST-SPELLING": "The rest frequency stands in RESTFREQ instead of RESTFRQ.",
    "REST-IMPLAUSIBLE": (
        "The rest frequency is unreadable, not positive, or far outside what radio receivers can reach at any"
        " redshift: unknown."
    ),
    "REST-OTHER-LINE": (
        "The rest frequency lies below the whole spectral axis, which no redshift explains; or so far above"
        " it that none does, or that the redshift which a card states does not: another line's."
    ),
    "SPEC-VELOCITY": (
        "An axis of velocity or redshift, or one whose pixels are equally spaced in velocity, becomes sky"
        " frequency by its definition, the rest frequency and the spacing that CTYPE names (FITS WCS paper"
        " III). VELO without a suffix, VELREF or a writer known to mean another is the relativistic velocity"
        " of the standard."
    ),
    "SPEC-AIR": "Wavelengths in air become those in vacuum by the index of refraction of the standard.",
    "SPEC-AIPS-VELOCITY": (
        "A VELO or FELO axis of AIPS or Miriad is read by VELREF, or by its writer where VELREF is missing."
    ),
    "SPEC-FRAME-SPELLING": (
        "The spectral frame comes from the axis name or VELREF, or SPECSYS is spelt in another way."
    ),
    "SPEC-FRAME-UNKNOWN": "No spectral frame is given: frequencies stay as they are, specsys is null.",
    "SPEC-FRAME-KEPT": (
        "The frame is known but time, place or direction for its conversion are not: wavelengths stay in it,"
        " and specsys is null, unless no wavelength is ever converted from the frame (that of the source)."
    ),
    "SPEC-TOPO-BARY": "Wavelengths are converted from the topocentric frame to the barycentre.",
    "SPEC-LSRK-BARY": "Wavelengths are converted from the local standard of rest to the barycentre.",
    "SPEC-OTHER-BARY": "Wavelengths are converted from another frame to the barycentre.",
    "SPEC-LEFTOVER": (
        "The one channel of a map is left over from the cube, whose range by the log in HISTORY is wider: the"
        " frequencies of the map are unknown."
    ),
    "SPEC-IMPLAUSIBLE": "The spectral axis gives no frequency that a radio telescope can observe: unknown.",
    "SPEC-UNREADABLE": (
        "A card that the spectral axis needs is missing, unreadable or contradicted by another of its name;"
        " or CTYPE names an algorithm whose values stand elsewhere (TAB) or follow from the optics of a grism"
        " (GRI, GRA), that does not fit the quantity, or that the standard does not know: frequencies are"
        " unknown."
    ),
    "REDSHIFT-UNKNOWN": (
        "A card of the redshift is unreadable, zero (what writers put where they know none) or no redshift"
        " of a radio source: unknown."
    ),
    "REDSHIFT-FRAME": "ZSOURCE is converted from the frame that SSYSSRC names to the barycentre.",
    # files and archive rows
    "FILE-MORE-IMAGES": (
        "A file holds several images: its extension SCI, else the first that no name makes a companion of"
        " another, is the product; the others, named by number, EXTNAME and axes, are left out."
    ),
    "ARCH-TARGET": "The archive's spelling of the target is published: clients filter by it.",
    "ARCH-POSITION": "Position of file and archive differ by more than 1 arcsec: the file's stands.",
    "ARCH-FREQUENCY": "Frequency of file and archive differ by more than 1e-4: the file's stands.",
    "ARCH-NO-MATCH": (
        "An archive row has a data set's member uid, source and window, but neither position nor frequency"
        " agree; or all but the source's name agree and several rows or data sets of the window are left: all"
        " are listed, and only what holds for the whole member set is taken."
    ),
    "ARCH-PLACE": (
        "No name brings the row and the data set together, but both are the last of their member set and"
        " window, and position (to a tenth of the field) and frequency agree: the archive's name of the"
        " source is published."
    ),
    "ARCH-RELEASE": (
        "The field of the row does not touch the file's: its release date alone opens nothing. The latest of"
        " the whole member set is taken, none (closed) where no other row tells one."
    ),
    "ARCH-RESOLUTION": "Beam and archive resolution differ by over 20 %: the file's stands.",
    "ARCH-CHANNELS": "The number of channels is not the archive's: the file's stands.",
    "ARCH-BAND": "The file's frequencies lie in another band than the archive says: the file's stands.",
    "ARCH-FACT": (
        "Project, time, exposure or telescope in the file is not the archive's: the archive's record stands."
    ),
    "ARCH-NO-BEAM": "The file has no beam: the archive's resolution of the field is taken.",
    "ARCH-NO-SPECTRUM": "The file has no spectral axis: the archive's range of the window is taken.",
    "ARCH-NO-STOKES": "The file has no Stokes axis: the archive's polarisations of the window are taken.",
    "ARCH-DEFAULT": (
        "Rows of an archive table do not tell what ObsCore has no row without, or what is the same for all of"
        " ALMA: level 2, and ALMA's names, or the table's for the collection of others. One repair a table."
    ),
    "ARCH-OTHER-NAME": (
        "Rows of an archive table tell s_resolution under the name spatial_resolution. One repair a table."
    ),
    "PROJECT-FACT": (
        "No file or archive row tells the title, abstract, category, keywords or PI of the project: a"
        " harvested table of projects does."
    ),
    "ARCH-TYPE": "An archive row with more than one channel is a cube, whatever the archive calls it.",
}


def as_markdown() -> str:
    """The page ``docs/harmonisation.md``: every rule with its id, every card with its columns."""
    rows = "\n".join(f"| `{rule}` | {text} |" for rule, text in sorted(RULES.items()))
    cards = "\n".join(
        f"| `{card}` | {', '.join(f'`{name}`' for name in names) or 'none'} |"
        for card, names in sorted(COLUMNS.items())
    )
    following = "\n".join(
        f"| `{column}` | {', '.join(f'`{name}`' for name in names)} |" for column, names in FOLLOWING.items()
    )
    readings = "\n".join(f"- `{rule}`" for rule in sorted(READINGS))
    return f"""# Rules of harmonisation

Written from `vo_service/holdings/rules.py` by `python -m vo_service.holdings.rules`. Each row of
`holdings.repair` names the rule by which a value that stands in a header or an archive row became the
published one.

| rule | what it does |
| --- | --- |
{rows}

## Where a repair shows

The item of a repair is a column of `ivoa.obscore`, or a card whose value is published in the columns below.
`became` is the published value, but for these rules, which say how a card is read:

{readings}

| card | columns of `ivoa.obscore` |
| --- | --- |
{cards}

A column that is made from another one has no repair of its own: that of the other stands for it.

| column | made from it |
| --- | --- |
{following}
"""


if __name__ == "__main__":
    sys.stdout.write(as_markdown())
