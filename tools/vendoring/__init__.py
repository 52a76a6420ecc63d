"""Keeps third_party/moshi/ equal to one pinned upstream release, and changes which one that is.

    cli -> sync      places the pin, compares       \\
        -> update    another pin, after a trial      > pin       what a release becomes here
        -> rollback  back to one that was left      /  report    what the change means, for people
        -> state     what there is                     trial     the random model and the tests with it

    below them: manifest, history (what is pinned, and was), source (cache, file, index), archive, licences, patches,
    dependencies, sbom, api, usage and signatures (what the backend uses), surface, placement (files on disk)

Everything that `sync` and `verify` import is standard library, of Python 3.11 too: they run before any environment
exists. The rest runs in it.
"""
