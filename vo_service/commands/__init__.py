"""The commands of ``vo-service``, one module each; `vo_service.cli` lists them and runs one."""
