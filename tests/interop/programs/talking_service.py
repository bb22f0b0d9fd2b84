"""A service of upstream's ``flamepy.service``."""

from flamepy.service import FlameInstance

instance = FlameInstance()


@instance.entrypoint
def talk(request):
    before = instance.context() or []
    instance.update_context([*before, request["say"]])
    return {"heard": request["say"], "before": before}


if __name__ == "__main__":
    instance.run()
