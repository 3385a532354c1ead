"""Personal and shared files of an organization."""

from __future__ import annotations

from typing import Any, ClassVar

from singlestoredb.fusion import FusionSQLResult

from ._command import Command, Params, Services
from ._files import downloaded, listed, upload


class _Files(Command):
    """A command of one of the file spaces."""

    space: ClassVar[str]

    def place(self, services: Services) -> Any:
        """Return the file space."""
        return getattr(services.files, f"{self.space}_space")


class _ShowFiles(_Files):
    def answer(self, services: Services, params: Params) -> FusionSQLResult:
        """List the files."""
        return listed(self.place(services), params)


class _UploadFile(_Files):
    def answer(self, services: Services, params: Params) -> None:
        """Upload the file."""
        upload(self.place(services), params["path"], params)


class _DownloadFile(_Files):
    def answer(self, services: Services, params: Params) -> FusionSQLResult | None:
        """Download the file."""
        return downloaded(self.place(services), params["path"], params)


class _Drop(_Files):
    def answer(self, services: Services, params: Params) -> None:
        """Delete the file or folder."""
        place = self.place(services)
        if params["file_type"].upper() == "FILE":
            place.remove(params["path"])
        elif params["recursive"]:
            place.removedirs(params["path"])
        else:
            place.rmdir(params["path"])


class _CreateFolder(_Files):
    def answer(self, services: Services, params: Params) -> None:
        """Create the folder."""
        self.place(services).mkdir(params["path"], overwrite=params["overwrite"])


class ShowPersonalFiles(_ShowFiles):
    """
    SHOW PERSONAL FILES [ at_path ] [ <like> ] [ <order-by> ] [ <limit> ] [ recursive ]
        [ <extended> ];

    at_path = AT '<path>'
    recursive = RECURSIVE

    Description
    -----------
    List your personal files.

    Remarks
    -------
    * ``RECURSIVE`` also lists what is in the folders.
    * ``EXTENDED`` adds type, size, whether the file can be written, and its times; it costs a
      request per file.

    Example
    -------
    ::

        SHOW PERSONAL FILES LIKE '%.ipynb' EXTENDED;

    See Also
    --------
    * ``UPLOAD PERSONAL FILE``
    * ``DOWNLOAD PERSONAL FILE``
    """

    space = "personal"


class UploadPersonalFile(_UploadFile):
    """
    UPLOAD PERSONAL FILE TO path FROM local_path [ overwrite ];

    path = '<filename>'
    local_path = '<local-path>'
    overwrite = OVERWRITE

    Description
    -----------
    Upload a local file to your personal files.

    Remarks
    -------
    * ``OVERWRITE`` deletes a file that is there before the new one is sent: the service replaces
      nothing.

    Example
    -------
    ::

        UPLOAD PERSONAL FILE TO 'report.ipynb' FROM 'report.ipynb' OVERWRITE;

    See Also
    --------
    * ``SHOW PERSONAL FILES``
    """

    space = "personal"


class DownloadPersonalFile(_DownloadFile):
    """
    DOWNLOAD PERSONAL FILE path [ local_path ] [ overwrite ] [ encoding ];

    path = '<path>'
    local_path = TO '<local-path>'
    overwrite = OVERWRITE
    encoding = ENCODING '<encoding>'

    Description
    -----------
    Download one of your personal files, into a local file or as the answer.

    Remarks
    -------
    * Without ``TO`` the answer is one row with the contents: text with ``ENCODING``, else bytes.

    Example
    -------
    ::

        DOWNLOAD PERSONAL FILE 'report.ipynb' TO 'report.ipynb';

    See Also
    --------
    * ``SHOW PERSONAL FILES``
    """

    space = "personal"


class DropPersonal(_Drop):
    """
    DROP PERSONAL <file-type> path [ recursive ];

    path = '<path>'
    recursive = RECURSIVE

    Description
    -----------
    Delete a file or folder of your personal files.

    Remarks
    -------
    * The service deletes folders with ``RECURSIVE`` only.

    Example
    -------
    ::

        DROP PERSONAL FILE 'report.ipynb';

    See Also
    --------
    * ``SHOW PERSONAL FILES``
    """

    space = "personal"


class CreatePersonalFolder(_CreateFolder):
    """
    CREATE PERSONAL FOLDER path [ overwrite ];

    path = '<path>'
    overwrite = OVERWRITE

    Description
    -----------
    Create a folder in your personal files.

    Remarks
    -------
    * The service has no folders here yet, and says so.

    Example
    -------
    ::

        CREATE PERSONAL FOLDER 'reports/';

    See Also
    --------
    * ``SHOW PERSONAL FILES``
    """

    space = "personal"


class ShowSharedFiles(_ShowFiles):
    """
    SHOW SHARED FILES [ at_path ] [ <like> ] [ <order-by> ] [ <limit> ] [ recursive ]
        [ <extended> ];

    at_path = AT '<path>'
    recursive = RECURSIVE

    Description
    -----------
    List the shared files of the organization.

    Remarks
    -------
    * ``RECURSIVE`` also lists what is in the folders.
    * ``EXTENDED`` adds type, size, whether the file can be written, and its times; it costs a
      request per file.

    Example
    -------
    ::

        SHOW SHARED FILES LIKE '%.ipynb' EXTENDED;

    See Also
    --------
    * ``UPLOAD SHARED FILE``
    * ``DOWNLOAD SHARED FILE``
    """

    space = "shared"


class UploadSharedFile(_UploadFile):
    """
    UPLOAD SHARED FILE TO path FROM local_path [ overwrite ];

    path = '<filename>'
    local_path = '<local-path>'
    overwrite = OVERWRITE

    Description
    -----------
    Upload a local file to the shared files of the organization.

    Remarks
    -------
    * ``OVERWRITE`` deletes a file that is there before the new one is sent: the service replaces
      nothing.

    Example
    -------
    ::

        UPLOAD SHARED FILE TO 'report.ipynb' FROM 'report.ipynb' OVERWRITE;

    See Also
    --------
    * ``SHOW SHARED FILES``
    """

    space = "shared"


class DownloadSharedFile(_DownloadFile):
    """
    DOWNLOAD SHARED FILE path [ local_path ] [ overwrite ] [ encoding ];

    path = '<path>'
    local_path = TO '<local-path>'
    overwrite = OVERWRITE
    encoding = ENCODING '<encoding>'

    Description
    -----------
    Download one of the shared files of the organization, into a local file or as the answer.

    Remarks
    -------
    * Without ``TO`` the answer is one row with the contents: text with ``ENCODING``, else bytes.

    Example
    -------
    ::

        DOWNLOAD SHARED FILE 'report.ipynb' TO 'report.ipynb';

    See Also
    --------
    * ``SHOW SHARED FILES``
    """

    space = "shared"


class DropShared(_Drop):
    """
    DROP SHARED <file-type> path [ recursive ];

    path = '<path>'
    recursive = RECURSIVE

    Description
    -----------
    Delete a file or folder of the shared files of the organization.

    Remarks
    -------
    * The service deletes folders with ``RECURSIVE`` only.

    Example
    -------
    ::

        DROP SHARED FILE 'report.ipynb';

    See Also
    --------
    * ``SHOW SHARED FILES``
    """

    space = "shared"


class CreateSharedFolder(_CreateFolder):
    """
    CREATE SHARED FOLDER path [ overwrite ];

    path = '<path>'
    overwrite = OVERWRITE

    Description
    -----------
    Create a folder in the shared files of the organization.

    Remarks
    -------
    * The service has no folders here yet, and says so.

    Example
    -------
    ::

        CREATE SHARED FOLDER 'reports/';

    See Also
    --------
    * ``SHOW SHARED FILES``
    """

    space = "shared"


COMMANDS = (
    ShowPersonalFiles,
    UploadPersonalFile,
    DownloadPersonalFile,
    DropPersonal,
    CreatePersonalFolder,
    ShowSharedFiles,
    UploadSharedFile,
    DownloadSharedFile,
    DropShared,
    CreateSharedFolder,
)
