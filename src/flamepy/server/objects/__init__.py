"""The object cache: an Arrow Flight server that keeps versioned objects in memory and, if told to, on disk.

::

    Flight call ──► service ──► store ── what is there, who goes when it gets full ──► disk
                      │  keys, tickets,        │
                      │  errors                └── values: a blob with patches, or an Arrow table
                      └──► answers: which rows a reader of an older version needs

`ObjectCache` in ``cache`` starts and stops it.
"""

from flamepy.server.objects.cache import CacheSettings as CacheSettings
from flamepy.server.objects.cache import ObjectCache as ObjectCache
from flamepy.server.objects.counters import CacheCounters as CacheCounters

__all__ = ["CacheCounters", "CacheSettings", "ObjectCache"]
