"""From the rows of a snapshot to the families of image trees, and their fields."""

from vo_service.atlas.archive import ARCHIVE_COLUMNS, ArchiveFacts, archive_description, archive_facts
from vo_service.atlas.described import Publisher, description_of, tree_did
from vo_service.atlas.facts import FamilyFacts, Member
from vo_service.atlas.families import Families, Family, LeftOut, Means, families_of
from vo_service.atlas.fields import AtlasField
from vo_service.atlas.intensity import NoMap
from vo_service.atlas.looks import Looks
from vo_service.atlas.opening import Origin, Workbench
from vo_service.atlas.single import CubeAxis, PlaneField, SingleDataset, single_dataset

__all__ = [
    "ARCHIVE_COLUMNS",
    "ArchiveFacts",
    "AtlasField",
    "CubeAxis",
    "Families",
    "Family",
    "FamilyFacts",
    "LeftOut",
    "Looks",
    "Means",
    "Member",
    "NoMap",
    "Origin",
    "PlaneField",
    "Publisher",
    "SingleDataset",
    "Workbench",
    "archive_description",
    "archive_facts",
    "description_of",
    "families_of",
    "single_dataset",
    "tree_did",
]
