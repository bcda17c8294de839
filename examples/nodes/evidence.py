"""A node of one's own: what is really on the disk of one installed package, and what its licence lets one choose."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, PackagePath, distribution
from pathlib import Path
from typing import Any

from clew import Edge, ExecutionContext, NodeMetadata, Parameter, WorkflowNode

LICENCE_FILE = re.compile(r"(licen[sc]e|copying|notice)", re.IGNORECASE)
CHUNK_BYTES = 1_048_576


class PackageEvidence(WorkflowNode):
    """Reads every file of a package, compares it with the record of the installation, and finds the licence texts."""

    metadata = NodeMetadata(
        id="package-evidence",
        name="Package evidence",
        version="1.0.0",
        description="Checks the files of an installed package against its RECORD, and splits its licence into choices.",
        outputs=(),
        edges=("success",),
        effect="reads",
        parameters={
            "package": Parameter(types=("object",), required=True, description="{name, version, licence}."),
        },
    )

    def execute(self, context: ExecutionContext, config: dict[str, Any]) -> Edge:
        """Read the files; a package that is gone since it was listed is an error."""
        del context
        package = config["package"]
        name, licence = package["name"], package["licence"]
        try:
            files = distribution(name).files or []
        except PackageNotFoundError as error:
            raise LookupError(f"{name} is not installed any more") from error
        read = list(checked(files))
        found = {
            "name": name,
            "label": f"{name} {package['version']}: {licence}",
            "choices": [choice.strip(" ()") for choice in re.split(r"\s+OR\s+", licence)],
            "files": len(read),
            "altered": sorted(path for path, sound in read if not sound),
            "licenceTexts": sorted(path for path, _ in read if LICENCE_FILE.search(Path(path).name)),
        }
        return Edge("success", found)


def checked(files: list[PackagePath]) -> Iterator[tuple[str, bool]]:
    """(path, whether it is as it was installed) of each file that is there and whose hash was recorded."""
    for file in files:
        path = Path(str(file.locate()))
        if file.hash is not None and path.is_file():
            yield str(file), digest(path, file.hash.mode) == file.hash.value


def digest(path: Path, algorithm: str) -> str:
    """The hash of a file as RECORD has it (URL-safe base64 without padding)."""
    found = hashlib.new(algorithm)
    with path.open("rb") as stream:
        while chunk := stream.read(CHUNK_BYTES):
            found.update(chunk)
    return base64.urlsafe_b64encode(found.digest()).rstrip(b"=").decode()
