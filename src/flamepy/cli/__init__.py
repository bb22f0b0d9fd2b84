"""``flmctl``: look at engines, and tell them little things.

::

    main ──► commands (listing, viewing, controlling, packing, completing)
                 │
                 ├──► survey   asks `flamepy.engines.select` and finds what a name or id means
                 ├──► kinds    what each kind of thing is called and which columns it has
                 └──► render   tables, JSON, YAML, names

What a script can see of it is a promise: names of commands and options, columns, fields of JSON, exit codes.
"""
