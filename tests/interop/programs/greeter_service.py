"""A service that is one function with a context."""

from flamepy.service import FlameInstance

instance = FlameInstance()


@instance.entrypoint
def greet(name):
    greeting = instance.context()
    if name == "change":
        instance.update_context("Goodbye")
        return None
    return f"{greeting}, {name}"


instance.run()
