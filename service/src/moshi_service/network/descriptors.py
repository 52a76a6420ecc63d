"""File descriptors: every connection needs one, and so does everything else."""

import resource

WANTED = 65_536
"""More open files than this are of no use to the service."""


def raise_limit() -> int:
    """Raise the soft limit of open files to the hard one, 65,536 at most. Returns the limit that is in force."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    unlimited = resource.RLIM_INFINITY
    best = WANTED if hard == unlimited else min(WANTED, hard)
    if soft != unlimited and soft < best:
        resource.setrlimit(resource.RLIMIT_NOFILE, (best, hard))
        soft = best
    return WANTED if soft == unlimited else soft
