"""The descriptor of {links} behind tables whose rows name data sets (DataLink 1.1 section 4.5)."""

from vo_service.datalink.descriptions import row_services

__all__ = ["row_services"]
