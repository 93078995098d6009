"""Whose a collection is, and the alias under which readers find the one in use.

A server may hold collections of other programs. What is not ours is never dropped or filled.
"""

from collections.abc import Mapping
from typing import Any

from pymilvus import DataType, MilvusClient

from imgdedup.errors import UserError

KEY = "content_id"
VECTOR = "vector"
_FIELDS = {KEY: DataType.VARCHAR, VECTOR: DataType.FLOAT_VECTOR}


def alias_of(family: str) -> str:
    """The alias of the collection in use, for the collections whose names begin with `family`."""
    return f"{family}current"


def require_ours(client: MilvusClient, name: str, width: int | None = None) -> None:
    """Raise UserError when the collection `name` is not ours, or has vectors of another width."""
    found = client.describe_collection(name)
    if not _is_ours(found):
        raise UserError(
            f"the collection {name} on the Milvus server was made by another program: it has other "
            "fields; choose another milvus.collection"
        )
    values = _width(found)
    if width is not None and values != width:
        raise UserError(
            f"the collection {name} on the Milvus server has vectors of {values} values, not "
            f"{width}: drop it, or choose another milvus.collection"
        )


def drop_others(client: MilvusClient, family: str, name: str) -> list[str]:
    """Drop our collections whose names begin with `family`, except `name`; return their names."""
    names = [str(found) for found in client.list_collections()]
    others = [found for found in names if found.startswith(family) and found != name]
    ours = [found for found in others if _is_ours(client.describe_collection(found))]
    for found in ours:
        client.drop_collection(found)
    return ours


def point_alias(client: MilvusClient, family: str, name: str) -> bool:
    """Let the alias of the family mean the collection `name`; tell whether that is new.

    Raises UserError when something else has the name of the alias, or when the alias means a
    collection that is not of the family.
    """
    alias = alias_of(family)
    if alias in client.list_collections():
        raise UserError(
            f"the Milvus server has a collection named {alias}, which is the alias for readers: "
            "rename or drop it, or choose another milvus.collection"
        )
    if not client.has_collection(alias):
        client.create_alias(name, alias)
        return True
    target = str(client.describe_alias(alias)["collection_name"])
    if target == name:
        return False
    if not target.startswith(family):
        raise UserError(
            f"the alias {alias} on the Milvus server means {target}, which is no collection of "
            "this root: drop the alias, or choose another milvus.collection"
        )
    client.alter_alias(name, alias)
    return True


def _is_ours(found: Mapping[str, Any]) -> bool:
    return {field["name"]: field["type"] for field in found["fields"]} == _FIELDS


def _width(found: Mapping[str, Any]) -> int:
    (vector,) = (field for field in found["fields"] if field["name"] == VECTOR)
    return int(vector["params"]["dim"])
