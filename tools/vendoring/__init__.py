"""Keeps third_party/moshi/ equal to one pinned upstream release, and changes the pin.

    cli        the commands                        update     another pin, after a report and a trial
    sync       places the pin, compares            rollback   an earlier pin, from git's history
    checkout   paths, git, differences             made       the tracked files that are made from a release
    swap       writes many files, all or none      report     the meaning of a change of pin, for people
    manifest   the pin: release and files          api        the part of the report on upstream's API
    archive    the files inside a release          trial      a release in a copy of the checkout
    source     bytes by hash: cache, file, index

The left column uses the standard library of Python 3.11 only: `sync` and `verify` run before any environment exists.
"""
