"""The vocabulary: frozen values and life cycles that every part of flamepy shares. No I/O, no third party."""
