"""Upstream's ``flamepy.service``: a service with a context that both sides change."""

import sys
from pathlib import Path

import flamepy
from flamepy.core import ApplicationAttributes
from flamepy.service import Session

SERVICE = Path(__file__).with_name("talking_service.py")

attributes = ApplicationAttributes(command=sys.executable, arguments=[str(SERVICE)], environments={"PYTHONPATH": ""})
flamepy.register_application("talking", attributes)
with Session("talking", ctx=["start"]) as session:
    assert session.invoke({"say": "a"}) == {"heard": "a", "before": ["start"]}
    assert session.invoke({"say": "b"})["before"] == ["start", "a"]
    assert session.context() == ["start", "a", "b"], session.context()
flamepy.unregister_application("talking")
print("done")
