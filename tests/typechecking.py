"""How types are checked while testing."""

from typing import runtime_checkable

from beartype import BeartypeConf, beartype

# As PEP 484 says, an int will do for a float.
checked = beartype(conf=BeartypeConf(is_pep484_tower=True))

# After `checked`, which the import of any module of the package asks for.
from warpmarks.progress import Progress  # noqa: E402

runtime_checkable(Progress)
