"""The web page of a server: what runs, what ran, and the two things that can be asked of it.

::

    browser ──► access    who may ask: hosts, origins, the login; headers on every answer
                  │
                  ├──► api        JSON for the page, pictures, close and cancel
                  ├──► health     /healthz, /metrics
                  └──► static     one page, its style, its scripts: files as they are
                         │
                       source     what a server shows, a protocol

The page asks once a second with the tag of what it has, and is told "not modified" while nothing changes. Whatever came
from users is text to it, never markup.
"""
