"""Keeps third_party/moshi/ equal to one pinned upstream release.

    cli -> commands -> manifest    what is pinned: MOSHI_VERSION and UPSTREAM.json
                    -> source      the archive's bytes: a local file, the cache, the package index
                    -> archive     the archive's files, refused unless every member is harmless
                    -> placement   files on disk: compare, swap, recover

Standard library only: this runs before any environment exists.
"""
