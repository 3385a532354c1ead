"""Helpers of the management modules, gathered under their documented address."""

from ._case import camel_to_snake, camel_to_snake_dict, snake_to_camel, snake_to_camel_dict
from ._collections import (
    NamedList,
    TTLProperty,
    listify,
    listify_obj,
    single_item,
    stringify,
    ttl_property,
)
from ._dates import _normalize_datetime, from_datetime, to_datetime, to_datetime_strict
from ._entity import vars_to_str
from ._environment import (
    get_authentication_info,
    get_cluster_id,
    get_database_name,
    get_organization_id,
    get_project_id,
    get_token,
    get_virtual_workspace_id,
    get_workspace_group_id,
    get_workspace_id,
    is_jwt,
    set_portal_authentication,
)
from ._paths import PathLike, ensure_within, normalize_remote_path, resolve_ignore_files
from ._transport import enable_http_tracing

__all__ = [
    "NamedList",
    "PathLike",
    "TTLProperty",
    "_normalize_datetime",
    "camel_to_snake",
    "camel_to_snake_dict",
    "enable_http_tracing",
    "ensure_within",
    "from_datetime",
    "get_authentication_info",
    "get_cluster_id",
    "get_database_name",
    "get_organization_id",
    "get_project_id",
    "get_token",
    "get_virtual_workspace_id",
    "get_workspace_group_id",
    "get_workspace_id",
    "is_jwt",
    "listify",
    "listify_obj",
    "normalize_remote_path",
    "resolve_ignore_files",
    "set_portal_authentication",
    "single_item",
    "snake_to_camel",
    "snake_to_camel_dict",
    "stringify",
    "to_datetime",
    "to_datetime_strict",
    "ttl_property",
    "vars_to_str",
]
