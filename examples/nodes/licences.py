"""A node of one's own: the licences of the packages that are installed beside it."""

from __future__ import annotations

import re
from importlib.metadata import Distribution, distributions
from typing import Any

from clew import Edge, ExecutionContext, NodeMetadata, Parameter, WorkflowNode

UNKNOWN = "UNKNOWN"

# The licences that classifiers and free text name most often, under their SPDX identifiers (https://spdx.org/licenses/).
SPDX = {
    "apache": "Apache-2.0",
    "apache 2": "Apache-2.0",
    "apache 2 0": "Apache-2.0",
    "bsd 2 clause": "BSD-2-Clause",
    "bsd 3 clause": "BSD-3-Clause",
    "isc": "ISC",
    "isc iscl": "ISC",
    "mit": "MIT",
    "mit x11": "MIT",
    "mozilla public 2 0 mpl 2 0": "MPL-2.0",
    "mpl 2 0": "MPL-2.0",
    "psf": "PSF-2.0",
    "psf 2 0": "PSF-2.0",
    "python foundation": "PSF-2.0",
    "unlicense": "Unlicense",
    "the unlicense unlicense": "Unlicense",
}


class InstalledLicences(WorkflowNode):
    """Lists the installed packages, each with its licence as an SPDX expression where it can be told."""

    metadata = NodeMetadata(
        id="installed-licences",
        name="Installed licences",
        version="1.0.0",
        description="Reads the licences of the packages that are installed in the service's environment.",
        outputs=("packages",),
        edges=("success",),
        effect="reads",
        parameters={"limit": Parameter(types=("integer",), description="At most so many packages, in order of name.")},
    )

    def execute(self, context: ExecutionContext, config: dict[str, Any]) -> Edge:
        """Read what `importlib.metadata` knows."""
        limit = config.get("limit")
        if limit is not None and limit < 1:
            raise ValueError(f"limit is at least 1, not {limit}")
        packages = installed()[:limit]
        context.state["packages"] = packages
        return Edge("success", {"items": packages, "count": len(packages)})


def installed() -> list[dict[str, str]]:
    """{name, version, licence} of every package, by name; of one that is found twice, the one that Python imports."""
    found: dict[str, dict[str, str]] = {}
    for package in distributions():
        name = package.metadata["Name"]
        if name:  # a broken installation has none
            key = re.sub(r"[-_.]+", "-", name).lower()
            found.setdefault(key, {"name": name, "version": package.version, "licence": licence_of(package)})
    return [found[key] for key in sorted(found)]


def licence_of(package: Distribution) -> str:
    """What the package says of itself: License-Expression, then License, then its classifiers; else `UNKNOWN`."""
    for expression in said(package, "License-Expression"):
        return expression
    for text in said(package, "License"):
        if "\n" not in text and text.upper() != UNKNOWN:
            return normalised(text)
    names = [line.rpartition("::")[2].strip() for line in said(package, "Classifier") if line.startswith("License ::")]
    licences = sorted({normalised(name) for name in names if name != "OSI Approved"})
    return ", ".join(licences) or UNKNOWN  # classifiers don't say whether one may choose: a person has to look


def said(package: Distribution, field: str) -> list[str]:
    """The values of a field of the package's metadata that are not empty."""
    return [value.strip() for value in package.metadata.get_all(field) or [] if value.strip()]


def normalised(name: str) -> str:
    """The SPDX identifier of a licence's everyday name, or the name itself."""
    words = re.sub(r"\b(the|licen[sc]e|version|software|v)\b|[^a-z0-9]+", " ", name.lower().replace("v2", "2"))
    return SPDX.get(" ".join(words.split()), name.strip())
