"""The command `moshi-frontend`."""

import argparse
import logging
import os
import sys

import moshi_frontend
from moshi_service.errors import StartupError
from moshi_service.init import split_off_init
from moshi_service.signals import exit_on_termination, treat_hangup_as_termination

log = logging.getLogger("moshi_frontend")


def main() -> None:
    """The command `moshi-frontend`. The exit code is 3 if a setting is bad or the service cannot start."""
    argparse.ArgumentParser(
        prog="moshi-frontend",
        description="Serves the web page and passes conversations on to moshi. "
        "Settings are environment variables: MOSHI_URL and FRONTEND_*.",
    ).parse_args()
    split_off_init()
    exit_on_termination()
    treat_hangup_as_termination()
    try:
        _run()
    except StartupError as error:
        print(f"moshi-frontend: {error.problem}", file=sys.stderr)
        sys.exit(StartupError.EXIT_CODE)


def _run() -> None:
    from moshi_frontend.app import create_service
    from moshi_frontend.discovery import find_moshi
    from moshi_frontend.server import places, serve
    from moshi_frontend.settings import load_settings
    from moshi_service.addresses import url_of
    from moshi_service.listening import certificate, listen
    from moshi_service.telemetry import export, logs

    settings = load_settings()
    logs.start(settings.log_format, "moshi_frontend")
    close_telemetry = export.start("scenario6-frontend", moshi_frontend.__version__)
    sources = find_moshi(os.environ)
    places(settings.max_connections)
    bound = listen(settings)
    tls = certificate(settings)
    if tls:
        log.info("certificate: SHA-256 %s", tls.fingerprint())
    log.info(
        "listening on %s, moshi at %s (%s)",
        url_of(bound, "https" if tls else "http"),
        ", ".join(map(str, sources)),
        settings.moshi_mode,
    )
    try:
        serve(create_service(settings, sources), bound, settings)
    finally:
        close_telemetry()


if __name__ == "__main__":
    main()
