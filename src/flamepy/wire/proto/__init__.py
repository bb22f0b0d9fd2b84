"""Messages, written by protoc from the ``.proto`` files beside this one; ``python3 dev.py proto`` writes them anew."""
