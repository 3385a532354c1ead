"""Files of a deployment's Stage."""

from __future__ import annotations

from singlestoredb.fusion import FusionSQLResult

from . import _targets as targets
from ._command import Command, Params, Services
from ._files import downloaded, listed, upload


class ShowStageFiles(Command):
    """
    SHOW STAGE FILES [ in ] [ at_path ] [ <like> ] [ <order-by> ] [ <limit> ] [ recursive ]
        [ <extended> ];

    in = { in_group | in_deployment }
    in_group = IN GROUP { group_id | group_name }
    group_id = ID '<group-id>'
    group_name = '<group-name>'
    in_deployment = IN { deployment_id | deployment_name }
    deployment_id = ID '<deployment-id>'
    deployment_name = '<deployment-name>'
    at_path = AT '<path>'
    recursive = RECURSIVE

    Description
    -----------
    List the files of a Stage.

    Arguments
    ---------
    * ``<deployment-name>``: a cluster, a starter cluster, a workspace group or a starter workspace.
    * ``<path>``: a folder; the top without it.

    Remarks
    -------
    * Without ``IN`` the deployment is the cluster that SINGLESTOREDB_WORKSPACE names by its ID.
    * ``RECURSIVE`` also lists what is in the folders.
    * ``EXTENDED`` adds type, size, whether the file can be written, and its times; it costs a
      request per file.

    Example
    -------
    ::

        SHOW STAGE FILES IN 'dev' AT '/raw/' LIKE '%.csv' RECURSIVE EXTENDED;

    See Also
    --------
    * ``UPLOAD FILE TO STAGE``
    * ``DOWNLOAD STAGE FILE``
    """

    def answer(self, services: Services, params: Params) -> FusionSQLResult:
        """List the files."""
        return listed(targets.deployment(services, params).stage, params)


class UploadStageFile(Command):
    """
    UPLOAD FILE TO STAGE stage_path [ in ] FROM local_path [ overwrite ];

    stage_path = '<stage-path>'
    in = { in_group | in_deployment }
    in_group = IN GROUP { group_id | group_name }
    group_id = ID '<group-id>'
    group_name = '<group-name>'
    in_deployment = IN { deployment_id | deployment_name }
    deployment_id = ID '<deployment-id>'
    deployment_name = '<deployment-name>'
    local_path = '<local-path>'
    overwrite = OVERWRITE

    Description
    -----------
    Upload a local file to a Stage.

    Remarks
    -------
    * ``OVERWRITE`` deletes a file that is there before the new one is sent: the service replaces
      nothing.

    Example
    -------
    ::

        UPLOAD FILE TO STAGE '/raw/data.csv' IN 'dev' FROM 'data.csv' OVERWRITE;

    See Also
    --------
    * ``SHOW STAGE FILES``
    """

    def answer(self, services: Services, params: Params) -> None:
        """Upload the file."""
        upload(targets.deployment(services, params).stage, params["stage_path"], params)


class DownloadStageFile(Command):
    """
    DOWNLOAD STAGE FILE stage_path [ in ] [ local_path ] [ overwrite ] [ encoding ];

    stage_path = '<stage-path>'
    in = { in_group | in_deployment }
    in_group = IN GROUP { group_id | group_name }
    group_id = ID '<group-id>'
    group_name = '<group-name>'
    in_deployment = IN { deployment_id | deployment_name }
    deployment_id = ID '<deployment-id>'
    deployment_name = '<deployment-name>'
    local_path = TO '<local-path>'
    overwrite = OVERWRITE
    encoding = ENCODING '<encoding>'

    Description
    -----------
    Download a file of a Stage, into a local file or as the answer.

    Remarks
    -------
    * Without ``TO`` the answer is one row with the contents: text with ``ENCODING``, else bytes.

    Example
    -------
    ::

        DOWNLOAD STAGE FILE '/raw/data.csv' IN 'dev' TO 'data.csv' OVERWRITE;

    See Also
    --------
    * ``SHOW STAGE FILES``
    """

    def answer(self, services: Services, params: Params) -> FusionSQLResult | None:
        """Download the file."""
        stage = targets.deployment(services, params).stage
        return downloaded(stage, params["stage_path"], params)


class DropStageFile(Command):
    """
    DROP STAGE FILE stage_path [ in ];

    stage_path = '<stage-path>'
    in = { in_group | in_deployment }
    in_group = IN GROUP { group_id | group_name }
    group_id = ID '<group-id>'
    group_name = '<group-name>'
    in_deployment = IN { deployment_id | deployment_name }
    deployment_id = ID '<deployment-id>'
    deployment_name = '<deployment-name>'

    Description
    -----------
    Delete a file of a Stage.

    Example
    -------
    ::

        DROP STAGE FILE '/raw/data.csv' IN 'dev';

    See Also
    --------
    * ``DROP STAGE FOLDER``
    """

    def answer(self, services: Services, params: Params) -> None:
        """Delete the file."""
        targets.deployment(services, params).stage.remove(params["stage_path"])


class DropStageFolder(Command):
    """
    DROP STAGE FOLDER stage_path [ in ] [ recursive ];

    stage_path = '<stage-path>'
    in = { in_group | in_deployment }
    in_group = IN GROUP { group_id | group_name }
    group_id = ID '<group-id>'
    group_name = '<group-name>'
    in_deployment = IN { deployment_id | deployment_name }
    deployment_id = ID '<deployment-id>'
    deployment_name = '<deployment-name>'
    recursive = RECURSIVE

    Description
    -----------
    Delete a folder of a Stage.

    Remarks
    -------
    * A folder that is not empty needs ``RECURSIVE``.

    Example
    -------
    ::

        DROP STAGE FOLDER '/raw/' IN 'dev' RECURSIVE;

    See Also
    --------
    * ``DROP STAGE FILE``
    """

    def answer(self, services: Services, params: Params) -> None:
        """Delete the folder."""
        stage = targets.deployment(services, params).stage
        (stage.removedirs if params["recursive"] else stage.rmdir)(params["stage_path"])


class CreateStageFolder(Command):
    """
    CREATE STAGE FOLDER stage_path [ in ] [ overwrite ];

    stage_path = '<stage-path>'
    in = { in_group | in_deployment }
    in_group = IN GROUP { group_id | group_name }
    group_id = ID '<group-id>'
    group_name = '<group-name>'
    in_deployment = IN { deployment_id | deployment_name }
    deployment_id = ID '<deployment-id>'
    deployment_name = '<deployment-name>'
    overwrite = OVERWRITE

    Description
    -----------
    Create a folder in a Stage.

    Remarks
    -------
    * ``OVERWRITE`` deletes all that is in a folder of that name.

    Example
    -------
    ::

        CREATE STAGE FOLDER '/raw/' IN 'dev';

    See Also
    --------
    * ``DROP STAGE FOLDER``
    """

    def answer(self, services: Services, params: Params) -> None:
        """Create the folder."""
        stage = targets.deployment(services, params).stage
        stage.mkdir(params["stage_path"], overwrite=params["overwrite"])


COMMANDS = (
    ShowStageFiles,
    UploadStageFile,
    DownloadStageFile,
    DropStageFile,
    DropStageFolder,
    CreateStageFolder,
)
