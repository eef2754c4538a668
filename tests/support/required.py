"""What happens to a test whose machine lacks something."""

import os
from typing import NoReturn

import pytest


def everything_is_required() -> bool:
    """CI sets TESTS_REQUIRE_ALL=1, so that a missing browser can never pass for a passing test."""
    return os.environ.get("TESTS_REQUIRE_ALL") == "1"


def leave_out(reason: str) -> NoReturn:
    """Skip the test and say why; fail instead where everything is required."""
    if everything_is_required():
        pytest.fail(f"TESTS_REQUIRE_ALL is set, and {reason}", pytrace=False)
    pytest.skip(reason)
