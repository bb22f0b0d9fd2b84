"""A service of upstream's core API."""

import flamepy


class Echo(flamepy.FlameService):
    def on_session_enter(self, context):
        self.common = context.common_data()
        self.count = 0

    def on_task_invoke(self, context):
        self.count += 1
        if context.input == b"fail":
            raise ValueError("as it was told")
        if context.input == b"nothing":
            return None
        return b"%s:%s:%d" % (self.common, context.input, self.count)

    def on_session_leave(self):
        pass


flamepy.run(Echo())
