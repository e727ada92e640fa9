"""Sample holdings with their truth: ``write_sample`` makes products, an archive table and truth.json from a
seed.

Shares no code with the rest of the project (astropy, numpy and the standard library only), so that one
mistake cannot be on both sides of a test. The conventions of truth.json stand in
:mod:`vo_service.sample.truth`.
"""

from vo_service.sample.delivery import SampleSummary, write_sample

__all__ = ["SampleSummary", "write_sample"]
