"""Keeps third_party/moshi/ equal to one pinned upstream release, and changes the pin.

    cli        the commands                   update      another pin, after a report and a trial
    checkout   places the pin, compares       rollback    an earlier pin, from git's history
    source     the release archive            generated   the tracked files that are made from a release
    archive    the files inside it            report      what an update changes, for people
    patches    our changes of them            api         the part of the report on upstream's API
    pin        MOSHI_VERSION, UPSTREAM.json

The left column uses the standard library of Python 3.11 only: `sync` and `verify` run before any environment exists.
"""
