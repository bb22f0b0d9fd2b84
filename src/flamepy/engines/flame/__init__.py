"""The driver for Flame clusters: gRPC ``flame.v1`` for sessions and tasks; our own stream where the server has it."""
