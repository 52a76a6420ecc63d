"""The command `moshi-backend`."""

import argparse
import json
import logging
import signal
import sys
from functools import partial

import moshi_backend
from moshi_backend.errors import StartupError
from moshi_backend.init import split_off_init
from moshi_backend.listening import certificate, listen
from moshi_backend.settings import Settings, load_settings
from moshi_backend.signals import treat_hangup_as_termination
from moshi_backend.telemetry import export, logs

log = logging.getLogger("moshi_backend")


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="moshi-backend",
        description="Serves Moshi conversations. Settings are environment variables: MOSHI_*.",
    )
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("serve", help="run the service")
    commands.add_parser("certificate", help="make the automatic certificate if there is none; print what to trust")
    commands.add_parser("openapi", help="print the HTTP interface as OpenAPI")
    doctor = commands.add_parser("doctor", help="check what the service needs; exit code 1 if something is missing")
    doctor.add_argument("--json", action="store_true", help="for machines")
    given = parser.parse_args()
    try:
        if given.command == "doctor":
            sys.exit(_doctor(given.json))
        {"serve": _serve, "certificate": _certificate, "openapi": _openapi}[given.command]()
    except StartupError as error:
        print(f"moshi-backend: {error}", file=sys.stderr)
        sys.exit(StartupError.EXIT_CODE)


def _serve() -> None:
    split_off_init()
    # Process 1, as in a container, gets no signal that it has no handler for, and importing PyTorch takes seconds.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: sys.exit(0))
    treat_hangup_as_termination()
    settings = load_settings()
    logs.start(settings.log_format)
    close_telemetry = export.start("scenario6-moshi", moshi_backend.__version__)
    try:
        _run(settings)
    finally:
        close_telemetry()


def _run(settings: Settings) -> None:
    bound = listen(settings.host, settings.port)
    tls = certificate(settings)
    host, port = bound.getsockname()[:2]
    log.info("listening on %s://%s:%d", "https" if tls else "http", f"[{host}]" if ":" in host else host, port)

    # All that a person can get wrong is right: only now pay for importing PyTorch.
    from moshi_backend.app import create_app, create_lobby
    from moshi_backend.engine import Engine
    from moshi_backend.loading import load
    from moshi_backend.server import serve

    lobby = create_lobby(settings, Engine(partial(load, settings)))
    serve(create_app(settings, lobby), lobby, bound, settings)


def _certificate() -> None:
    settings = load_settings()
    if (tls := certificate(settings)) is None:
        raise StartupError("MOSHI_TLS=off: there is no certificate")
    print(tls.authority)


def _doctor(as_json: bool) -> int:
    from moshi_backend.doctor import report

    findings = report.examine(load_settings())
    print(report.as_json(findings) if as_json else report.as_table(findings))
    return 0 if report.is_well(findings) else 1


def _openapi() -> None:
    from moshi_backend.app import create_app, create_lobby
    from moshi_backend.engine import Engine
    from moshi_backend.loading import load

    settings = load_settings()
    app = create_app(settings, create_lobby(settings, Engine(partial(load, settings))))
    print(json.dumps(app.openapi(), indent=2, sort_keys=True))
