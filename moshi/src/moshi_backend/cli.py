"""The command `moshi-backend`."""

import argparse
import logging
import os
import sys
from typing import TYPE_CHECKING

import moshi_backend
from moshi_backend.errors import start as errors
from moshi_service.errors import StartupError
from moshi_service.init import split_off_init
from moshi_service.signals import exit_on_termination, treat_hangup_as_termination

# The other modules take seconds to import, so the functions below import them. Until `main` has set its handlers, a
# signal kills the process; process 1 of a container ignores it.

if TYPE_CHECKING:
    from moshi_backend.settings import Settings

log = logging.getLogger("moshi_backend")


def main() -> None:
    """Run the command that the arguments name.

    The exit code is 3 if a setting is bad or the service cannot start, and 1 if the doctor finds a fault.
    """
    parser = argparse.ArgumentParser(
        prog="moshi-backend",
        description="Serves Moshi conversations. Settings are environment variables: MOSHI_*.",
    )
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("serve", help="run the service")
    commands.add_parser("download", help="download and check the model's files, and load nothing; print their folder")
    commands.add_parser("certificate", help="make the automatic certificate if there is none; print what to trust")
    commands.add_parser("openapi", help="print the HTTP interface as OpenAPI")
    doctor = commands.add_parser("doctor", help="check what the service needs; exit code 1 if something is missing")
    doctor.add_argument("--json", action="store_true", help="for machines")
    arguments = parser.parse_args()
    # huggingface_hub reads this when it is imported. It prints each failed attempt twice; the service logs one line.
    os.environ.setdefault("HF_HUB_VERBOSITY", "error")
    try:
        if arguments.command == "doctor":
            sys.exit(_doctor(arguments.json))
        {"serve": _serve, "download": _download, "certificate": _certificate, "openapi": _openapi}[arguments.command]()
    except StartupError as error:
        print(f"moshi-backend: {error.problem}", file=sys.stderr)
        sys.exit(StartupError.EXIT_CODE)


def _serve() -> None:
    split_off_init()
    exit_on_termination()
    treat_hangup_as_termination()
    _run()
    # With PyTorch loaded, the interpreter's own teardown takes seconds, and it aborts while the engine loads the model.
    logging.shutdown()
    sys.stdout.flush()
    os._exit(0)


def _run() -> None:
    from moshi_backend.settings import load_settings
    from moshi_service.telemetry import export, logs

    settings = load_settings()
    logs.start(settings.log_format, "moshi_backend", settings.log_level)
    close_telemetry = export.start("scenario6-moshi", moshi_backend.__version__)
    try:
        _serve_with(settings)
    finally:
        close_telemetry()


def _serve_with(settings: "Settings") -> None:
    from moshi_backend.api.server import places, serve
    from moshi_service.addresses import url_of
    from moshi_service.listening import certificate, listen

    places(settings.queue)
    bound = listen(settings)
    tls = certificate(settings)
    log.info("listening on %s", url_of(bound, "https" if tls else "http"))

    # The settings are valid, so the seconds that importing PyTorch takes are worth spending.
    from moshi_backend.api.app import create_app, create_engine, create_manager

    engine = create_engine(settings)
    manager = create_manager(settings, engine)
    serve(create_app(settings, engine, manager), manager, bound, settings)


def _download() -> None:
    from moshi_backend.checkpoint.locate import find_checkpoint
    from moshi_backend.errors import LoadError
    from moshi_backend.settings import load_settings
    from moshi_service.telemetry import logs

    settings = load_settings()
    logs.start(settings.log_format, "moshi_backend", settings.log_level)

    def progress(detail: str, _done: float | None) -> None:
        log.info("%s: %s", settings.model, detail)

    try:
        checkpoint = find_checkpoint(settings.model, settings.revision, progress, settings.lora)
    except LoadError as error:
        raise StartupError(error.problem) from None
    print(checkpoint.moshi_weights.parent)


def _certificate() -> None:
    from moshi_backend.settings import load_settings
    from moshi_service.listening import certificate

    settings = load_settings()
    if (tls := certificate(settings)) is None:
        raise StartupError(errors.certificate_off())
    print(tls.authority)


def _doctor(as_json: bool) -> int:
    from moshi_backend.doctor import report
    from moshi_backend.settings import load_settings

    findings = report.examine(load_settings())
    print(report.as_json(findings) if as_json else report.as_table(findings))
    return 0 if report.is_well(findings) else 1


def _openapi() -> None:
    from moshi_backend.api.openapi import document

    print(document(), end="")
