import os

import pytest

pytest_plugins = ["tests.support.node"]


@pytest.fixture(scope="session")
def postgres_url() -> str:
    url = os.environ.get("ECCOO_TEST_PG")
    if not url:
        pytest.skip("no PostgreSQL server")
    return url
