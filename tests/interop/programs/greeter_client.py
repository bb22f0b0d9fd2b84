"""Talk to the service ``greeter``: greeter_client.py PYTHON PYTHONPATH."""

import sys
from pathlib import Path

import flamepy
from flamepy.service import Session

flamepy.register_application(
    "greeter",
    {
        "command": sys.argv[1],
        "arguments": [str(Path(__file__).with_name("greeter_service.py"))],
        "environments": {"PYTHONPATH": sys.argv[2]},
    },
)
with Session("greeter", ctx="Hello", resreq={"cpu": 1, "memory": "64m"}) as session:
    assert session.context() == "Hello"
    assert session.invoke("Ada") == "Hello, Ada"
    again = Session(session_id=session.id())
    assert again.invoke("Bob") == "Hello, Bob"
    assert session.invoke("change") is None
    assert session.context() == "Goodbye"
    assert session.invoke("Ada") == "Goodbye, Ada"
flamepy.unregister_application("greeter")
print("done")
