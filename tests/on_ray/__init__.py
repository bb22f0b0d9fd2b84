"""What is special about the Ray engine; the conformance tests run over it, too."""
