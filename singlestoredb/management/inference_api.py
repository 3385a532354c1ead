"""Models that answer requests (version 1 of the API)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ._entity import Shown, require_manager
from ._environment import get_project_id
from ._paths import segment
from ._wire import Payload, decode_array, decode_object
from .errors import ManagementError

if TYPE_CHECKING:
    from .manager import Manager


class ModelOperationResult(Shown):
    """What became of starting, stopping or dropping a model."""

    def __init__(self, name: str, status: str, hosting_platform: str) -> None:
        self.name = name
        self.status = status
        self.hosting_platform = hosting_platform

    @classmethod
    def _build(cls, obj: Any, status: str | None, default: str, *names: str) -> Any:
        p = Payload(obj, "model")
        return cls(
            name=p.text(*names),
            status=status or p.opt_text("status") or default,
            hosting_platform=p.opt_text("hostingPlatform") or "",
        )

    @classmethod
    def from_start_response(cls, obj: Any) -> ModelOperationResult:
        """Return the result of a start; a model that starts is initializing."""
        out: ModelOperationResult = cls._build(obj, "Initializing", "", "modelName", "name")
        return out

    @classmethod
    def from_stop_response(cls, obj: Any) -> ModelOperationResult:
        """Return the result of a stop."""
        out: ModelOperationResult = cls._build(obj, None, "Suspended", "name", "modelName")
        return out

    @classmethod
    def from_drop_response(cls, obj: Any) -> ModelOperationResult:
        """Return the result of a drop."""
        out: ModelOperationResult = cls._build(obj, None, "Deleted", "name", "modelName")
        return out

    @classmethod
    def from_show_response(cls, obj: Any) -> ModelOperationResult:
        """Return one model of a listing."""
        out: ModelOperationResult = cls._build(obj, None, "", "name", "modelName")
        return out

    def get_message(self) -> str:
        """Return a sentence for users."""
        return f"Model is {self.status}"


class InferenceAPIInfo(Shown):
    """A model, and where it answers."""

    def __init__(
        self,
        service_id: str,
        model_name: str,
        name: str,
        connection_url: str,
        internal_connection_url: str,
        project_id: str,
        hosting_platform: str,
    ) -> None:
        self.service_id = service_id
        self.model_name = model_name
        self.name = name
        self.connection_url = connection_url
        self.internal_connection_url = internal_connection_url
        self.project_id = project_id
        self.hosting_platform = hosting_platform
        self._manager: InferenceAPIManager | None = None

    @classmethod
    def from_dict(cls, obj: Any) -> InferenceAPIInfo:
        """Return the information of a JSON object."""
        p = Payload(obj, "inference API")
        return cls(
            service_id=p.text("serviceID"),
            model_name=p.text("modelName"),
            name=p.text("name"),
            connection_url=p.text("connectionURL"),
            internal_connection_url=p.text("internalConnectionURL"),
            project_id=p.text("projectID"),
            hosting_platform=p.text("hostingPlatform"),
        )

    def start(self) -> ModelOperationResult:
        """Start the model."""
        return require_manager(self._manager, "inference API").start(self.name)

    def stop(self) -> ModelOperationResult:
        """Stop the model."""
        return require_manager(self._manager, "inference API").stop(self.name)

    def drop(self) -> ModelOperationResult:
        """Delete the model."""
        return require_manager(self._manager, "inference API").drop(self.name)


class InferenceAPIManager(Shown):
    """Models of the project that the environment names (``SINGLESTOREDB_PROJECT``)."""

    def __init__(self, manager: Manager | None) -> None:
        self._manager = manager
        self.project_id = get_project_id()

    def _client(self) -> Manager:
        return require_manager(self._manager)

    def get(self, model_name: str) -> InferenceAPIInfo:
        """Return a model of the project."""
        if not self.project_id:
            raise ManagementError(
                msg="no project for inference APIs", hint="set SINGLESTOREDB_PROJECT"
            )
        route = f"inferenceapis/{segment(self.project_id)}/{segment(model_name, 'model name')}"
        out = InferenceAPIInfo.from_dict(decode_object(self._client()._get(route)))
        out._manager = self
        return out

    def start(self, model_name: str) -> ModelOperationResult:
        """Start a model."""
        res = self._client()._post(f"models/{segment(model_name, 'model name')}/start")
        return ModelOperationResult.from_start_response(decode_object(res))

    def stop(self, model_name: str) -> ModelOperationResult:
        """Stop a model."""
        res = self._client()._post(f"models/{segment(model_name, 'model name')}/stop")
        return ModelOperationResult.from_stop_response(decode_object(res))

    def show(self) -> list[ModelOperationResult]:
        """Return all models."""
        found = decode_array(self._client()._get("models"))
        return [ModelOperationResult.from_show_response(x) for x in found]

    def drop(self, model_name: str) -> ModelOperationResult:
        """Delete a model."""
        res = self._client()._delete(f"models/{segment(model_name, 'model name')}")
        return ModelOperationResult.from_drop_response(decode_object(res))
