"""Print the messages of an installed flamepy, ours or upstream's, as JSON."""

import importlib
import json
import sys


def described(message):
    return sorted(
        [
            field.number,
            field.name,
            field.type,
            field.has_presence,
            (field.message_type or field.enum_type or field).name,
        ]
        for field in message.fields
    )


found = {}
for name in sys.argv[1:]:
    module = importlib.import_module(name)
    for message in module.DESCRIPTOR.message_types_by_name.values():
        found[message.name] = described(message)
    for enum in module.DESCRIPTOR.enum_types_by_name.values():
        found[enum.name] = sorted([value.number, value.name] for value in enum.values)
print(json.dumps(found))
