"""Where classes have gone since a model file named them: what keeps files of older versions readable."""

from __future__ import annotations

import io
import json
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

#: Full name in files of older versions -> full name now. Whoever moves or renames a class that holds fitted state adds
#: a line here; the stored files of tests/persistence/stored fail until it is there.
MOVED: dict[str, str] = {
    "crosstask.multitask._described.Ridge": "crosstask.multitask._coefficient_ridge.Ridge",
}


def with_new_homes(content: bytes) -> bytes:
    """Return the model file with the classes that have moved named by where they are now."""
    if not MOVED:
        return content
    with ZipFile(io.BytesIO(content)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    schema = json.loads(members["schema.json"])
    if not _rename(schema):
        return content
    members["schema.json"] = json.dumps(schema).encode()
    buffer = io.BytesIO()
    with ZipFile(buffer, "w", compression=ZIP_DEFLATED) as archive:
        for name, member in members.items():
            archive.writestr(name, member)
    return buffer.getvalue()


def _rename(schema: Any) -> bool:
    """Rename in place, whatever the depth, and tell whether anything was."""
    waiting, found = [schema], False
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            home = MOVED.get(f"{node.get('__module__')}.{node.get('__class__')}")
            if home is not None:
                node["__module__"], _, node["__class__"] = home.rpartition(".")
                found = True
            waiting.extend(node.values())
        elif isinstance(node, list):
            waiting.extend(node)
    return found
