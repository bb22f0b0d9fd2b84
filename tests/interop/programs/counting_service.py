"""A service of the core API: echoes, counts, and fails when asked to."""

import os

import flamepy


class Echo(flamepy.FlameService):
    def __init__(self):
        self.common = b""
        self.count = 0

    def on_session_enter(self, context):
        assert context.application.name == "echo", context
        self.common = context.common_data() or b""
        if self.common == b"refuse":
            raise ValueError("this session is refused")

    def on_task_invoke(self, context):
        self.count += 1
        if context.input == b"fail":
            raise ValueError("asked to fail")
        if context.input == b"nothing":
            return None
        if context.input == b"count":
            return b"%d of %d" % (self.count, os.getpid())
        return self.common + context.input

    def on_session_leave(self):
        pass


flamepy.run(Echo())
