"""Dies when an executor imports it; harmless in the client, which says so."""

import os

import victims

if os.environ.get("VICTIM_CLIENT") != str(os.getpid()):
    victims.die(os.environ["VICTIM_HOW"])


def ping() -> str:
    return "pong"
