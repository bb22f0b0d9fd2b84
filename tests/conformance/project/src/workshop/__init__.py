"""A small project that the conformance tests ship: what users bring along, in miniature."""
