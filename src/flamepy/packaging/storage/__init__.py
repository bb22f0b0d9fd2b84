"""Where packages are kept: a folder, a web server, an object store.

::

    URL  ──►  select.open_storage  ──►  file:     a shared folder        standard library only
                                   ──►  http:     PUT, GET, HEAD, DELETE  standard library only
                                   ──►  cache:    a Flame cluster's object cache (extra "flame")
                                 ──►  remote:   s3 and all else that fsspec knows
"""
