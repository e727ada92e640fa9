"""The archive's columns of ivoa.obscore with their declarations, in the order the archive sends them.

Facts read from the TAP_SCHEMA that the ALMA archive publishes; its odd choices are kept on purpose:
integers declared ``adql:BIGINT``, an access format of nine characters, ``em_resolution`` in metres that is
none.
"""

from __future__ import annotations

from typing import NamedTuple


class ArchiveColumn(NamedTuple):
    """A FIELD of the archive's table; empty text where an attribute is absent."""

    name: str
    datatype: str
    arraysize: str = ""
    xtype: str = ""
    unit: str = ""
    ucd: str = ""
    utype: str = ""


_LOCATION = "Char.SpatialAxis.Coverage.Location.Coord.Position2D.Value2."
_TABLE = """
obs_publisher_did|char|33*|||meta.ref.ivoid|Curation.PublisherDID
obs_collection|char|4|||meta.id|DataID.Collection
facility_name|char|3|||meta.id;instr.tel|Provenance.ObsConfig.Facility.name
instrument_name|char|4|||meta.id;instr|Provenance.ObsConfig.Instrument.name
obs_id|char|64*|||meta.id|DataID.observationID
dataproduct_type|char|5*|||meta.code.class|ObsDataset.dataProductType
calib_level|int||||meta.code;obs.calib|ObsDataset.calibLevel
collections|char|128*|adql:VARCHAR|||
target_name|char|256*|||meta.id;src|Target.Name
s_ra|double||adql:DOUBLE|deg|pos.eq.ra|{0}C1
s_dec|double||adql:DOUBLE|deg|pos.eq.dec|{0}C2
s_fov|double||adql:DOUBLE|deg|phys.angSize;instr.fov|Char.SpatialAxis.Coverage.Bounds.Extent.diameter
s_region|char|*|adql:REGION||pos.outline;obs.field|Char.SpatialAxis.Coverage.Support.Area
s_xel1|int||adql:BIGINT||meta.number|Char.SpatialAxis.numBins1
s_xel2|int||adql:BIGINT||meta.number|Char.SpatialAxis.numBins2
em_xel|int||adql:BIGINT||meta.number|Char.SpectralAxis.numBins
t_xel|int||adql:BIGINT||meta.number|Char.TimeAxis.numBins
pol_xel|int||adql:BIGINT||meta.number|Char.PolarizationAxis.numBins
s_resolution|double||adql:DOUBLE|arcsec|pos.angResolution|Char.SpatialAxis.Resolution.refval.value
t_min|double||adql:DOUBLE|d|time.start;obs.exposure|Char.TimeAxis.Coverage.Bounds.Limits.StartTime
t_max|double||adql:DOUBLE|d|time.end;obs.exposure|Char.TimeAxis.Coverage.Bounds.Limits.StopTime
t_exptime|double||adql:DOUBLE|s|time.duration;obs.exposure|Char.TimeAxis.Coverage.Support.Extent
t_resolution|double||adql:DOUBLE|s|time.resolution|Char.TimeAxis.Resolution.refval.value
em_min|double||adql:DOUBLE|m|em.wl;stat.min|Char.SpectralAxis.Coverage.Bounds.Limits.LoLimit
em_max|double||adql:DOUBLE|m|em.wl;stat.max|Char.SpectralAxis.Coverage.Bounds.Limits.HiLimit
em_res_power|double||adql:DOUBLE||spect.resolution|Char.SpectralAxis.Resolution.ResolPower.refval
pol_states|char|64*|||meta.code;phys.polarization|Char.PolarizationAxis.stateList
o_ucd|char|35|||meta.ucd|Char.ObservableAxis.ucd
access_url|char|72*|||meta.ref.url|Access.Reference
access_format|char|9|||meta.code.mime|Access.Format
access_estsize|int||adql:BIGINT|kbyte|phys.size;meta.file|Access.Size
proposal_id|char|64*|adql:VARCHAR||meta.id;obs.proposal|Provenance.Proposal.identifier
data_rights|char|11|adql:VARCHAR||meta.code|Curation.Rights
gal_longitude|double||adql:DOUBLE|deg|pos.galactic.lon|
gal_latitude|double||adql:DOUBLE|deg|pos.galactic.lat|
band_list|char|30*|adql:VARCHAR|||
em_resolution|double||adql:DOUBLE|m|spect.resolution;stat.mean|Char.SpectralAxis.Resolution.refval.value
bandwidth|double||adql:DOUBLE|Hz|em.freq;instr.bandpass|Char.SpectralAxis.Coverage.Bounds.Extent
antenna_arrays|char|660*|adql:VARCHAR||meta.code.member;instr.setup|
is_mosaic|char||adql:CHAR|||
obs_release_date|char|*|adql:TIMESTAMP||time.release|Curation.releaseDate
spatial_resolution|double||adql:DOUBLE|arcsec||
frequency_support|char|4000*|adql:VARCHAR|GHz|em.freq;obs;meta.main|Char.SpectralAxis.Coverage.Location.support
frequency|double||adql:DOUBLE|GHz|em.freq;obs;meta.main|Char.SpectralAxis.Coverage.Location.refval
velocity_resolution|double||adql:DOUBLE|m/s|phys.veloc;spect.resolution|Char.VelocityAxis.Resolution.refval
obs_creator_name|char|256*|adql:VARCHAR||meta.id|DataID.Creator
pub_title|char|256*|adql:VARCHAR|||
first_author|char|256*|adql:VARCHAR|||
authors|char|4000*|adql:VARCHAR|||
pub_abstract|char|4000*|adql:VARCHAR|||
publication_year|int|||||
proposal_abstract|char|4000*|adql:VARCHAR||meta.abstract|
schedblock_name|char|128*|adql:VARCHAR||meta.code;obs;instr.setup|
proposal_authors|char|2000*|adql:VARCHAR||meta.id.CoI|
sensitivity_10kms|double||adql:DOUBLE|mJy/beam||
cont_sensitivity_bandwidth|double||adql:DOUBLE|mJy/beam||
pwv|float||adql:FLOAT|mm|obs.atmos.extinction|
group_ous_uid|char|64*|adql:VARCHAR|||
member_ous_uid|char|64*|adql:VARCHAR|||
asdm_uid|char|32*|adql:VARCHAR||meta.id|
obs_title|char|256*|adql:VARCHAR||meta.title;obs|DataID.Title
type|char|16*|adql:VARCHAR|||
scan_intent|char|256*|adql:VARCHAR||meta.code.class;obs|
science_observation|char||adql:VARCHAR||meta.code.class;obs|
spatial_scale_max|double||adql:DOUBLE|arcsec|pos.angResolution;stat.max|{1}
qa2_passed|char||adql:CHAR||meta.code|
bib_reference|char|4000*|adql:VARCHAR||meta.bib.bibcode|Curation.Reference
science_keyword|char|200*|adql:VARCHAR|||
scientific_category|char|200*|adql:VARCHAR|||
lastModified|char|32*|adql:TIMESTAMP|||
pi_name|char|256*|adql:VARCHAR|||
pi_userid|char|256*|adql:VARCHAR|||
""".format(_LOCATION, "Characterisation.SpatialAxis.Coverage.Bounds.limits.Interval.HiLim")


def _parse(line: str) -> ArchiveColumn:
    name, datatype, arraysize, xtype, unit, ucd, utype = line.split("|")
    return ArchiveColumn(name, datatype, arraysize, xtype, unit, ucd, f"obscore:{utype}" if utype else "")


ARCHIVE_COLUMNS: tuple[ArchiveColumn, ...] = tuple(_parse(line) for line in _TABLE.strip().splitlines())
