"""What an operator can set, and where it comes from: read once at the start and handed in."""

from vo_service.settings.loading import FILE_NAME
from vo_service.settings.parsers import POSTGRESQL_ADDRESS, postgresql_address
from vo_service.settings.setting import PREFIX, Setting, SettingsError
from vo_service.settings.table import SETTINGS, Settings

__all__ = [
    "FILE_NAME",
    "POSTGRESQL_ADDRESS",
    "PREFIX",
    "SETTINGS",
    "Setting",
    "Settings",
    "SettingsError",
    "postgresql_address",
]
