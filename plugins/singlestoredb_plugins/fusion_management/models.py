"""Custom models, and models that answer requests.  The commands are hidden."""

from __future__ import annotations

import os

from singlestoredb.fusion import STRING, FusionSQLResult

from ._command import Column, Command, Params, Services, table
from ._files import listed, upload

_MODEL: tuple[Column, ...] = (
    ("Model Name", STRING, lambda model: model.name),
    ("Status", STRING, lambda model: model.status),
)
_MESSAGE: Column = ("Message", STRING, lambda model: model.get_message())


class ShowCustomModels(Command):
    """
    SHOW CUSTOM MODELS [ at_path ] [ <like> ] [ <order-by> ] [ <limit> ] [ recursive ]
        [ <extended> ];

    at_path = AT '<path>'
    recursive = RECURSIVE

    Description
    -----------
    List the files of custom models.

    Example
    -------
    ::

        SHOW CUSTOM MODELS RECURSIVE;

    See Also
    --------
    * ``UPLOAD CUSTOM MODEL``
    """

    _enabled = False

    def answer(self, services: Services, params: Params) -> FusionSQLResult:
        """List the files."""
        return listed(services.files.models_space, params)


class UploadCustomModel(Command):
    """
    UPLOAD CUSTOM MODEL model_name FROM local_path [ overwrite ];

    model_name = '<model-name>'
    local_path = '<local-path>'
    overwrite = OVERWRITE

    Description
    -----------
    Upload a model: a local folder, or a file that becomes the model's only one.

    Example
    -------
    ::

        UPLOAD CUSTOM MODEL 'llama' FROM './llama' OVERWRITE;

    See Also
    --------
    * ``SHOW CUSTOM MODELS``
    """

    _enabled = False

    def answer(self, services: Services, params: Params) -> None:
        """Upload the model."""
        space = services.files.models_space
        name, local_path = params["model_name"], params["local_path"]
        if os.path.isdir(local_path):
            space.upload_folder(local_path, name, overwrite=params["overwrite"])
        else:
            upload(space, f"{name}/{os.path.basename(local_path)}", params)


class DownloadCustomModel(Command):
    """
    DOWNLOAD CUSTOM MODEL model_name [ local_path ] [ overwrite ];

    model_name = '<model-name>'
    local_path = TO '<local-path>'
    overwrite = OVERWRITE

    Description
    -----------
    Download a model into a local folder, named like the model without ``TO``.

    Example
    -------
    ::

        DOWNLOAD CUSTOM MODEL 'llama' TO './copy';

    See Also
    --------
    * ``SHOW CUSTOM MODELS``
    """

    _enabled = False

    def answer(self, services: Services, params: Params) -> None:
        """Download the model."""
        name = params["model_name"]
        services.files.models_space.download_folder(
            name, params["local_path"] or name, overwrite=params["overwrite"]
        )


class DropCustomModel(Command):
    """
    DROP CUSTOM MODEL model_name;

    model_name = '<model-name>'

    Description
    -----------
    Delete a model's files.

    Example
    -------
    ::

        DROP CUSTOM MODEL 'llama';

    See Also
    --------
    * ``UPLOAD CUSTOM MODEL``
    """

    _enabled = False

    def answer(self, services: Services, params: Params) -> None:
        """Delete the model's files."""
        services.files.models_space.removedirs(f"{params['model_name']}/")


class _Model(Command):
    """A command of one model of the project that SINGLESTOREDB_PROJECT names."""

    verb = ""
    columns: tuple[Column, ...] = (_MODEL[1], _MESSAGE)

    def answer(self, services: Services, params: Params) -> FusionSQLResult:
        """Do it, and say what became of it."""
        model = services.workspaces.organization.inference_apis.get(params["model_name"])
        return table(self.columns, [getattr(model, self.verb)()])


class StartModel(_Model):
    """
    START MODEL model_name;

    model_name = '<model-name>'

    Description
    -----------
    Start a model.

    Example
    -------
    ::

        START MODEL 'llama';

    See Also
    --------
    * ``STOP MODEL``
    """

    _enabled = False
    verb = "start"


class StopModel(_Model):
    """
    STOP MODEL model_name;

    model_name = '<model-name>'

    Description
    -----------
    Stop a model.

    Example
    -------
    ::

        STOP MODEL 'llama';

    See Also
    --------
    * ``START MODEL``
    """

    _enabled = False
    verb = "stop"


class DropModel(_Model):
    """
    DROP MODEL model_name;

    model_name = '<model-name>'

    Description
    -----------
    Delete a model.

    Example
    -------
    ::

        DROP MODEL 'llama';

    See Also
    --------
    * ``SHOW MODELS``
    """

    _enabled = False
    verb = "drop"
    columns = (*_MODEL, _MESSAGE)


class ShowModels(Command):
    """
    SHOW MODELS;

    Description
    -----------
    List the models.

    Example
    -------
    ::

        SHOW MODELS;

    See Also
    --------
    * ``START MODEL``
    """

    _enabled = False

    def answer(self, services: Services, params: Params) -> FusionSQLResult:
        """List the models."""
        return table(_MODEL, services.workspaces.organization.inference_apis.show())


COMMANDS = (
    ShowCustomModels,
    UploadCustomModel,
    DownloadCustomModel,
    DropCustomModel,
    StartModel,
    StopModel,
    DropModel,
    ShowModels,
)
