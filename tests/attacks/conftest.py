"""The attacks use the PKI and the letters of tests/verification."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

_NAME = "verification_fixtures"


def _load() -> ModuleType:
    if _NAME not in sys.modules:
        path = Path(__file__).parent.parent / "verification" / "conftest.py"
        spec = importlib.util.spec_from_file_location(_NAME, path)
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[_NAME] = module
        spec.loader.exec_module(module)
    return sys.modules[_NAME]


_fixtures = _load()
lab = _fixtures.lab
other_lab = _fixtures.other_lab
sm2_lab = _fixtures.sm2_lab
sm2_revisions = _fixtures.sm2_revisions
revisions = _fixtures.revisions
final = _fixtures.final
trust = _fixtures.trust
check = _fixtures.check
