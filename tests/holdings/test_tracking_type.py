"""Which targets move against the stars, told by their names alone (RAD-051)."""

from __future__ import annotations

import pyarrow as pa
import pytest

from vo_service.holdings.radio_rows import _tracking

MOVING = (
    "Jupiter", "TITAN", "Moon", "sun", "Io", "pluto",
    "1 Ceres", "(1) Ceres", "1_Ceres", "(1)Ceres", "Ceres", "21 Lutetia", "4-Vesta", "(16) Psyche",
    "(433) Eros", "162173 Ryugu", "101955_Bennu", "134340 Pluto", "(4179) Toutatis", "(15810) Arawn",
    "C/2012 S1", "C/2012 S1 (ISON)", "C/1995_O1_Hale-Bopp", "C2012_S1", "C_2012_S1", "C2012S1", "c2012s1",
    "P/2010 A2", "P2010_A2", "C/2014 UN271", "C2014_UN271", "X/1106 C1", "A/2017 U1", "D/1993 F2",
    "67P", "67p", "67P/C-G", "67P/Churyumov-Gerasimenko", "67P_CG", "46P Wirtanen", "46P_Wirtanen",
    "46P/Wirtanen", "46P-Wirtanen", "1P/Halley", "73P-B", "103P_Hartley_2",
    "1I/'Oumuamua", "2I/Borisov", "2I_Borisov", "2I Borisov", "3I/ATLAS", "3I_ATLAS", "3IATLAS",
    "2003 UB313", "2003_UB313", "2003UB313", "2014 MU69", "1992 QB1", "(15760) 1992 QB1", "2012 DA14",
)  # fmt: skip
STANDING = (
    "M83", "M_83", "NGC 253", "NGC253", "ngc_1365", "IC 342", "HD 163296", "HD_163296", "HD163296",
    "IRAS 16293-2422", "IRAS16293", "IRAS_18089-1732", "3C 273", "3C273", "3c_273", "4C 12.50", "4C12.50",
    "2MASS J16281370-2431391", "2MASSJ16281370", "J1924-2914", "J0423-0120", "B1934-638", "1934-638",
    "PKS 1934-638", "P1934-638", "PKS1830-211", "1730-130", "0537-441", "P183+05", "P_009-10",
    "1 Lup", "1 Lupi", "61 Cyg", "61_Cygni", "51 Peg", "51 Pegasi", "55 Cancri", "70 Ophiuchi", "49 Ceti",
    "30 Doradus", "30_Dor", "47 Tuc", "16 Cyg B", "7 Cet", "2 Puppis", "1 Ceti", "433 Aql", "4 Ceres",
    "SN 1987A", "SN1987A", "1987A", "SN2011fe", "2011fe", "1991bg", "2014J", "2011FE", "AT2018cow",
    "2018cow", "GRB 030329", "GW170817", "A2744", "A2744_P1", "A1689", "A2029_S1", "Abell 2744", "ACO 2029",
    "A/2744", "CL0024+17", "C1", "C_1", "C2", "Caldwell 49", "CII", "CI Tau", "C2012", "C18", "CO-0.40",
    "PG 1700+518", "PG1700", "PG_1211+143", "PDS 70", "PDS_456", "PSR B1257+12", "P Cygni", "P1", "P_Cyg",
    "X1822-371", "D1", "Elias 2-27", "field1", "field_1", "1", "12", "3", "2000", "(1)", "(1) field",
    "(2) North", "1P_field", "12p_north", "1I/Q", "1 field", "1_Center", "12p3", "03p41",
    "J1000p0234", "0209p1352", "1I", "I Zw 1", "I_Zw_1",
    "II Zw 96", "2I", "3D", "3D_cube", "10 P2", "Sunrise Arc", "Sun_Valley", "Moonrise", "Marsupial",
    "Mercury_2_field", "Io_field", "Iris Nebula", "Psyche", "Venus_flytrap", "Comet globule", "CG4",
    "V883 Ori", "2XMM J1234", "1RXS J1708", "1E 1740.7", "1ES1959", "1H0707", "1WGA_J0447", "1SAX J1808",
    "2S 0918",
    "2003.1.00001.S", "2015.1.00121.S_field3", "2012_a", "1806-20", "1745_290", "G0.253", "Sgr A*",
    "Orion KL", "ESO 137-001", "W43-MM1", "SPT0311-58", "BRI 1202", "uid___A002_X1", "", " ", "_",
)  # fmt: skip


@pytest.mark.parametrize("name", MOVING)
def test_bodies_of_the_solar_system_are_followed(name: str) -> None:
    assert _tracking(pa.array([name])).to_pylist() == ["Solar-system-object-tracking"]


@pytest.mark.parametrize("name", STANDING)
def test_stars_galaxies_and_fields_stand_still(name: str) -> None:
    # and so does whatever could be either
    assert _tracking(pa.array([name])).to_pylist() == ["sidereal"]


def test_each_row_has_the_mode_of_its_own_name() -> None:
    names = pa.array(["M83", None, "67P_CG", "M83", "Mars", None])
    moves = "Solar-system-object-tracking"
    assert _tracking(names).to_pylist() == ["sidereal", "sidereal", moves, "sidereal", moves, "sidereal"]
