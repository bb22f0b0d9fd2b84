"""A project folder becomes a package in a storage, and a package becomes a folder again.

::

    project  ──►  plan (stat only)  ──►  build  ──►  storage  ──►  archive.unpack (verified, on the executor's side)
    find it       excludes, sizes        .tar.gz     file, http,
                                                     s3, fsspec
    imports       what a target imports is in the plan
    environment   the interpreter that has the project's dependencies
"""
